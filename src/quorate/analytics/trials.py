"""Many recordings put through consensus, on several processors if there is enough to do."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice

from quorate.analytics.trial import Rules, Trial, run_trial
from quorate.providers.recorded import Recording

#: Recordings that one process gets at a time: enough to make sending them cheap, few enough to share the work evenly.
_CHUNK = 48
#: Fewer recordings than this are done before another process has started (about 0.4 s).
_WORTH_PROCESSES = 144
_QUEUED_PER_PROCESS = 3


def run_trials(
    recordings: Iterable[Recording], rules: Rules, *, jobs: int, progress: Callable[[int], None] | None = None
) -> list[Trial | None]:
    """Return the trial of each recording, in their order, None for those that cannot be used.

    `jobs` processes work at once; 1 stays in this one. The result is the same for any number. `progress` is called with
    the number done so far. What reading a recording raises ends it, and so does Ctrl-C, leaving no process behind.
    """
    source = iter(recordings)
    first = list(islice(source, _WORTH_PROCESSES)) if jobs > 1 else []
    alone = jobs == 1 or len(first) < _WORTH_PROCESSES
    chunks = _here(chain(first, source), rules) if alone else _spread(chain(first, source), rules, jobs)
    found: list[Trial | None] = []
    for chunk in chunks:
        found += chunk
        if progress is not None:
            progress(len(found))
    return found


def usual_jobs() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _here(recordings: Iterable[Recording], rules: Rules) -> Iterator[list[Trial | None]]:
    return ([run_trial(recording, rules)] for recording in recordings)


def _spread(recordings: Iterator[Recording], rules: Rules, jobs: int) -> Iterator[list[Trial | None]]:
    # Not forked: a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)
    waiting: deque[Future[list[Trial | None]]] = deque()
    try:
        while True:
            while len(waiting) < jobs * _QUEUED_PER_PROCESS and (chunk := list(islice(recordings, _CHUNK))):
                waiting.append(pool.submit(_run_chunk, chunk, rules))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leave Ctrl-C to the first process, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_chunk(recordings: Sequence[Recording], rules: Rules) -> list[Trial | None]:
    return [run_trial(recording, rules) for recording in recordings]
