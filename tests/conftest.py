"""What holds for every test: no blocking call on the event loop, no network but loopback, no task left behind."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest
from blockbuster import BlockBuster

import loopback_only

ROOT = Path(__file__).resolve().parent.parent

# No deadline: on a shared machine one slow example says nothing. In CI the same examples each time, so that a red run
# is about the change that caused it; elsewhere new ones, so that they go on finding things.
hypothesis.settings.register_profile("local", deadline=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

SERVERS = ("postgres_url", "redis_url", "tesseract")


def pytest_configure(config: pytest.Config) -> None:
    loopback_only.start()
    config.add_cleanup(loopback_only.stop)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Starts the servers that the chosen tests name, before the first test's time limit runs."""
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if not session.config.option.collectonly:
        for fixture in SERVERS:
            if fixture in wanted:
                _service_fixtures().start(fixture, session.config)


def _service_fixtures() -> ModuleType:
    # a run of tests without servers loads nothing of them
    import service_fixtures  # noqa: PLC0415

    return service_fixtures


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """`postgresql://...`, a database that is new and empty for each test; about 0.1 s."""
    with _service_fixtures().postgres_url(request.config) as url:
        yield url


@pytest.fixture
def heeded_ctrl_c() -> Iterator[None]:
    """A test run in the background of a shell ignores Ctrl-C, and so would every process that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """`redis://...`, a database that is empty for each test."""
    with _service_fixtures().redis_url(request.config) as url:
        yield url


@pytest.fixture
def tesseract(request: pytest.FixtureRequest) -> str:
    """The path of the program that reads words in pictures, with English."""
    return _service_fixtures().tesseract(request.config)


@pytest.fixture(scope="session")
def blocking_calls() -> BlockBuster:
    # Only what runs under a frame of quorate counts: a test may read a file while its loop runs, the product may not.
    guard = BlockBuster("quorate")
    # Coverage takes a lock of its own when a file is first measured; with several threads it may have to wait for it.
    for function in guard.functions.values():
        function.can_block_in("coverage/collector.py", ("lock_data", "unlock_data"))
    return guard


@pytest.fixture(autouse=True)
def no_blocking_call(blocking_calls: BlockBuster) -> Iterator[None]:
    """Blocking calls (files, sockets, sleep, locks) made by quorate on a running event loop raise `BlockingError`."""
    blocking_calls.activate()
    yield
    blocking_calls.deactivate()


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """A look-up or connection beyond this machine fails the test, also when the code under test swallowed the error."""
    loopback_only.forget()
    yield
    if refused := loopback_only.forget():
        pytest.fail(f"left this machine: {', '.join(refused)}. Use a loopback server or pass a fake resolver.")


@pytest.fixture
async def _no_task_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    for _ in range(10):  # a cancelled task needs a turn or two of the loop to end
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        names = ", ".join(sorted(f"{task.get_name()} ({task.get_coro()!r})" for task in left))
        pytest.fail(f"{len(left)} task(s) outlived the test: {names}. Every task needs somebody who awaits it.")


@pytest.fixture(autouse=True)
def no_task_left(request: pytest.FixtureRequest) -> None:
    """Fails an asynchronous test that leaves a task running; an ordinary test gets no event loop from this."""
    if request.node.get_closest_marker("asyncio"):
        request.getfixturevalue("_no_task_left")


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """The folder of recorded answers and outcomes that measurements run on; it is not part of the project."""
    folder = Path(os.environ.get("QUORATE_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}; set QUORATE_DATA to the folder that holds consensus/ and routing/")
    return folder
