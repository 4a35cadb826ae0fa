"""The pytest plugin: fixtures for tests of programs that use Quorate. It imports nothing heavy until one is used."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from quorate.testing.recording_sink import RecordingSink
    from quorate.testing.scripted import ScriptedModel

T = TypeVar("T")


@pytest.fixture
def scripted_model() -> "type[ScriptedModel]":
    """The class `quorate.testing.ScriptedModel`: `scripted_model("a", "Paris")` answers "Paris"."""
    # slow: 60 ms, which a test run that uses no fixture of ours does not pay
    from quorate.testing.scripted import ScriptedModel  # noqa: PLC0415

    return ScriptedModel


@pytest.fixture
def recording_sink() -> "RecordingSink":
    """A fresh `quorate.testing.RecordingSink`, to be passed as the `sink` of a call."""
    # slow: as above
    from quorate.testing.recording_sink import RecordingSink  # noqa: PLC0415

    return RecordingSink()


@pytest.fixture
def virtual_time() -> Callable[[Coroutine[Any, Any, T]], T]:
    """The function `quorate.testing.run_virtual`: `virtual_time(main())` runs `main` without any real waiting."""
    # slow: imports asyncio, which a test run may not need
    from quorate.testing.virtual_time import run_virtual  # noqa: PLC0415

    return run_virtual
