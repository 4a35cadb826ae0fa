"""Threads that nobody has to wait for."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from quorate.core import daemon_threads
from quorate.core.daemon_threads import DaemonThreads, in_own_thread

HANGS = """
import asyncio, threading
from quorate.core.daemon_threads import DaemonThreads, in_own_thread

async def hang():
    asyncio.get_running_loop().set_default_executor(DaemonThreads(2, "test"))
    hanging = threading.Semaphore(0)
    def for_good():
        hanging.release()
        threading.Event().wait()
    waiting = [asyncio.create_task(asyncio.to_thread(for_good)), asyncio.create_task(in_own_thread(for_good))]
    await asyncio.to_thread(lambda: (hanging.acquire(), hanging.acquire()))
    print("the end")

asyncio.run(hang())
"""


async def test_what_is_submitted_is_done_and_told() -> None:
    loop, threads = asyncio.get_running_loop(), DaemonThreads(2, "test")
    loop.set_default_executor(threads)
    assert await asyncio.gather(*(asyncio.to_thread(pow, 2, number) for number in range(20))) == [
        2**number for number in range(20)
    ]
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(divmod, 1, 0)
    assert len({thread for thread in threading.enumerate() if thread.name == "test"}) <= 2
    await in_own_thread(threads.shutdown)
    assert not any(thread.name == "test" for thread in threading.enumerate())
    with pytest.raises(RuntimeError, match="test is closed"):
        threads.submit(pow, 2, 2)


async def test_no_more_threads_than_are_needed() -> None:
    threads = DaemonThreads(8, "test")
    for _ in range(20):
        await asyncio.wrap_future(threads.submit(threading.get_ident))
        await asyncio.sleep(0.01)  # until the thread is idle again
    assert len([thread for thread in threading.enumerate() if thread.name == "test"]) == 1
    await in_own_thread(threads.shutdown)


async def test_what_was_cancelled_before_it_began_is_not_done() -> None:
    threads, go_on, done = DaemonThreads(1, "test"), threading.Event(), list[int]()
    first = threads.submit(go_on.wait, 10)
    second = threads.submit(done.append, 2)
    assert second.cancel()
    go_on.set()
    await asyncio.wrap_future(first)
    await in_own_thread(threads.shutdown)
    assert not done


def test_the_wait_for_what_hangs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_threads, "JOIN_S", 0.01)
    threads, go_on = DaemonThreads(1, "test"), threading.Event()
    future = threads.submit(go_on.wait, 30)
    threads.shutdown()
    assert not future.done()
    go_on.set()
    assert future.result(10)


async def test_a_thread_of_its_own_waits_for_no_other() -> None:
    go_on, loop = threading.Event(), asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, go_on.wait, 10)
    try:
        assert await in_own_thread(divmod, 7, 2) == (3, 1)
    finally:
        go_on.set()
        await busy


@pytest.mark.subprocess
def test_a_process_ends_without_what_hangs() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "the end\n"), ended.stderr
