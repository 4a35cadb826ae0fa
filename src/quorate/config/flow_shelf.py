"""The flows of a folder, read and compiled, with nothing that could run them: no model, no journal, no secret."""

from dataclasses import dataclass
from pathlib import Path

from quorate.config.flows_folder import FOLDER, flows_folder
from quorate.config.load import Settings
from quorate.core.errors import Misconfigured
from quorate.flows.book import FlowBook
from quorate.flows.executors.standard import standard_executors
from quorate.flows.flow_compiler import FlowCompiler
from quorate.flows.registry import Executors
from quorate.templating.functions import FunctionPool

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowShelf:
    """Flows as they stand in a folder. `functions` starts its processes when the first function is called."""

    folder: Path
    book: FlowBook
    executors: Executors
    compiler: FlowCompiler
    functions: FunctionPool


def open_shelf(settings: Settings, *, folder: Path | None = None) -> FlowShelf:
    """Return the flows of `folder` (else of the configured one), read and compiled. Blocking.

    Raises `Misconfigured` for a folder that is not there; what is wrong in flows is in `FlowBook.problems()`.
    """
    section = settings.config.flows
    found = folder or flows_folder(settings)
    if found is None or not found.is_dir():
        where = settings.origin("flows", "folder").where
        raise Misconfigured(f"there is no folder {str(found or FOLDER)!r} with flows; set flows.folder", where=where)
    functions = FunctionPool(
        workers=section.functions.workers,
        time_limit_s=section.functions.time_limit_s,
        memory_limit_bytes=section.functions.memory_mib * _MIB,
    )
    executors = standard_executors()
    compiler = FlowCompiler(executors, functions if section.functions.enabled else None)
    book = FlowBook(found, compiler.compile)
    book.refresh()
    return FlowShelf(folder=found, book=book, executors=executors, compiler=compiler, functions=functions)
