"""How much slower a busy machine makes a program, to tell load from a fault."""

import time

_WORK_S = 0.2


def slowness() -> float:
    """Return how many times as long work takes now as if it had a core for itself; at least 1. Takes 0.2 s or more.

    Timers do not tell: who has slept is let in first, and who computes is made to wait.
    """
    began_s, cpu_s = time.monotonic(), time.thread_time()
    while (worked_s := time.thread_time() - cpu_s) < _WORK_S:
        pass
    return max(1.0, (time.monotonic() - began_s) / worked_s)
