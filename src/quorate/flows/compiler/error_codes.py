"""Codes of errors that a flow names, against those that there are."""

from collections.abc import Iterator

from quorate.core.errors import QuorateError
from quorate.flows.compiler.problems import Problems
from quorate.flows.language.sections import RetrySection
from quorate.source.place import KeyPath, did_you_mean, listed

#: Errors of these never come out of a step, and are not known before something has asked for them.
_NOT_OF_STEPS = ("quorate.server.", "quorate.storage.", "quorate.flows.journals.")


def check_codes(retry: RetrySection | None, at: KeyPath, problems: Problems) -> None:
    """Report codes under `on` and `never_on` that no error has: such a rule would never apply."""
    if retry is None:
        return
    for key, codes in (("on", retry.on), ("never_on", retry.never_on)):
        for index, code in enumerate(codes):
            if code not in (known := error_codes()):
                hint = did_you_mean(code, known) or f"; codes: {listed(sorted(known))}"
                told = f"no error after which a step is tried again has the code {code!r}{hint}"
                problems.at((*at, key, index), told)


def error_codes() -> frozenset[str]:
    """Return the codes of all errors that steps fail with, those of other packages' executors included."""
    return frozenset(each.code for each in _below(QuorateError) if not each.__module__.startswith(_NOT_OF_STEPS))


def _below(kind: type[QuorateError]) -> Iterator[type[QuorateError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _below(each)
