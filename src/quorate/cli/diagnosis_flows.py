"""What `quorate doctor` looks at where there are flows."""

import shutil
from importlib.util import find_spec

from quorate.cli.health import Check, Health
from quorate.config import Built
from quorate.config.flows_folder import flows_folder
from quorate.core.clock import SystemClock
from quorate.core.errors import Misconfigured

_READERS = {"pypdf": "PDF", "docx": "DOCX", "openpyxl": "XLSX", "pptx": "PPTX", "selectolax": "HTML", "PIL": "images"}


def flow_checks(built: Built) -> list[Check]:
    """Return how the flows are, and whether what steps may need is installed; nothing where there are no flows."""
    if flows_folder(built.settings) is None:
        return []
    return [*_flows(built), _functions(), _documents(), _ocr()]


def _flows(built: Built) -> list[Check]:
    # slow: executors and the compiler, needed only where there are flows
    from quorate.config.flows_setup import open_flows  # noqa: PLC0415

    try:
        book = open_flows(built, SystemClock(), durable=False).book
    except Misconfigured as error:
        return [Check("flows", Health.BAD, error.message)]
    wrong = [Check("flows", Health.BAD, str(problem)) for problem in book.problems()]
    return [Check("flows", Health.OK, f"{len(book.names())} in {flows_folder(built.settings)}"), *wrong]


def _functions() -> Check:
    if find_spec("pydantic_monty") is None:
        return Check("functions", Health.NOTE, "flows cannot have any; pip install 'quorate[flows]'")
    return Check("functions", Health.OK, "in a sandbox, in processes of their own")


def _documents() -> Check:
    missing = [kind for package, kind in _READERS.items() if find_spec(package) is None]
    if missing:
        return Check("documents", Health.NOTE, f"{', '.join(missing)} not read; pip install 'quorate[documents]'")
    return Check("documents", Health.OK, f"{', '.join(_READERS.values())}, text")


def _ocr() -> Check:
    program = shutil.which("tesseract")
    if program is None:
        return Check("tesseract", Health.NOTE, "words in pictures are not read; apt-get install tesseract-ocr")
    return Check("tesseract", Health.OK, program)
