"""Functions that users wrote: run in processes of their own, in an interpreter that has no host in it.

pydantic-monty is a Python interpreter in Rust without files, network, environment or foreign code. It runs in worker
processes, since its authors do not promise that it cannot crash. Each call has a fresh interpreter: no call sees
what another one left behind; limits of time, memory, depth, printing and size of the result always apply.
"""

import atexit
import json
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NoReturn

from quorate.core.errors import Misconfigured
from quorate.templating.function_limits import confine
from quorate.templating.function_source import module_of, place_of
from quorate.templating.template import TemplateError
from quorate.templating.work import MAX_TREE, plain

if TYPE_CHECKING:
    from types import ModuleType

    from pydantic_monty import Monty, MontyRuntimeError, MontySession

_MAX_DEPTH: Final = 200
_MAX_PRINTED: Final = 64 << 10
_MAX_MESSAGE: Final = 300
_WAIT_S: Final = 10.0
_GRACE_S: Final = 0.5
_CALLS_OF_WORKER: Final = 1_000
#: Time stands still for functions: that of a run is in its scope, and a resumed run must not see another one.
_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class FunctionPool:
    """Live: worker processes for users' functions, started at the first call. Safe from threads; a call blocks.

    `time_limit_s` and `memory_limit_bytes` are those of one call. A worker that hangs or dies is replaced; the call
    that it was in fails. Close it when it is not needed any more.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        time_limit_s: float = 0.5,
        memory_limit_bytes: int = 64 << 20,
        wait_s: float = _WAIT_S,
    ) -> None:
        self._workers = workers
        self._time_limit_s = time_limit_s
        self._memory_limit_bytes = memory_limit_bytes
        self._wait_s = wait_s
        self._lock = threading.Lock()  # protects _pool and _confined
        self._pool: Monty | None = None
        self._confined: set[int] = set()

    @staticmethod
    @cache
    def shared() -> "FunctionPool":
        """Return the one of this process, for those that were given none."""
        pool = FunctionPool()
        atexit.register(pool.close)
        return pool

    def call(
        self,
        functions: Mapping[str, str],
        name: str,
        arguments: Sequence[object] = (),
        named: Mapping[str, object] | None = None,
        *,
        seed: int = 0,
    ) -> Any:
        """Call one of `functions` (sources by name, which may call each other); return plain data.

        `random` begins with `seed`, the clock stands still. Raises `TemplateError` naming the function, the line and
        what happened; `Misconfigured` when the sandbox is not installed. Costs 0.3 ms and what the function does.
        """
        monty = _package()
        given = {"quorate_arguments": plain(list(arguments)), "quorate_named": plain(dict(named or {}))}
        try:
            with self._session(seed) as session:
                self._confine(session)
                made = session.feed_run(
                    module_of(functions, name), inputs=given, print_callback=monty.CollectString(_MAX_PRINTED)
                )
        except monty.MontyRuntimeError as error:
            raise TemplateError(self._explained(error, functions, name)) from None
        except monty.MontyCrashedError:
            raise TemplateError(f"the function {name!r} was ended: its process hung or died") from None
        except monty.MontyError as error:
            raise TemplateError(f"the function {name!r}: {_clean(str(error))}") from None
        except TimeoutError:
            busy = f"all {self._workers} workers for functions were busy for {self._wait_s:g} s"
            raise TemplateError(f"the function {name!r} was not called: {busy}") from None
        except (ValueError, RuntimeError, OSError) as error:
            raise TemplateError(f"the function {name!r} could not be called: {_clean(str(error))}") from None
        return _read(made, name)

    @property
    def processes(self) -> frozenset[int]:
        """The ids of the worker processes that calls ran in; some may have been replaced since."""
        with self._lock:
            return frozenset(self._confined)

    def close(self) -> None:
        """End the workers. A later call starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
            self._confined.clear()
        if pool is not None:
            pool.__exit__(None, None, None)

    def _session(self, seed: int) -> "MontySession":
        return self._started().checkout(
            script_name="functions",
            limits={
                "max_feed_duration_secs": self._time_limit_s,
                "max_memory": self._memory_limit_bytes,
                "max_recursion_depth": _MAX_DEPTH,
                "max_suspensions": 100,
                "max_total_sleep_secs": 0.0,
            },
            os_policy={"datetime": _TIME, "sleep": "zero", "random_start": {"seed": seed}},
            external_modules={},
        )

    def _started(self) -> "Monty":
        with self._lock:
            if self._pool is None:
                self._pool = _monty(
                    workers=self._workers, request_timeout=self._time_limit_s + 2 * _GRACE_S, wait_s=self._wait_s
                )
            return self._pool

    def _confine(self, session: "MontySession") -> None:
        pid = session.worker_pid
        with self._lock:
            new = pid is not None and pid not in self._confined
            if pid is not None:
                self._confined.add(pid)
        if new and pid is not None:
            confine(pid, memory_bytes=self._memory_limit_bytes)

    def _explained(self, error: "MontyRuntimeError", functions: Mapping[str, str], name: str) -> str:
        message = _clean(error.display("type-msg"))
        if message.startswith("TimeoutError: feed time limit"):
            return f"the function {name!r} takes longer than {self._time_limit_s:g} s"
        if message.startswith("MemoryError: "):
            return f"the function {name!r} needs more memory than it may have ({message})"
        for frame in reversed(error.traceback()):
            place = place_of(functions, frame.line)
            if place is not None and frame.filename == "<python-input-0>":
                where = f"line {place[1]}" + (f" of {place[0]!r}" if place[0] != name else "")
                return f"the function {name!r}, {where}: {message}"
        return f"the function {name!r}: {message}"


def _package() -> "ModuleType":
    try:
        import pydantic_monty  # noqa: PLC0415 - 0.2 s, and only flows that call functions need it
    except ModuleNotFoundError:
        raise Misconfigured(
            "the package pydantic_monty is not installed; install it with: pip install 'quorate[flows]'"
        ) from None
    return pydantic_monty


def _monty(*, workers: int, request_timeout: float, wait_s: float) -> "Monty":
    pool: Monty = _package().Monty(
        min_processes=1,
        max_processes=workers,
        checkout_timeout=wait_s,
        request_timeout=request_timeout,
        max_checkouts_per_worker=_CALLS_OF_WORKER,
        feed_duration_limit_grace=_GRACE_S,
    )
    return pool.__enter__()


def _refused(word: str) -> NoReturn:
    raise ValueError(word)


def _read(made: object, name: str) -> Any:
    if not isinstance(made, str) or len(made) > MAX_TREE:
        size = f" of {len(made)} characters; at most {MAX_TREE}" if isinstance(made, str) else " that is not plain data"
        raise TemplateError(f"the function {name!r} returned a result{size}")
    try:
        return plain(json.loads(made, parse_constant=_refused))
    except TemplateError as error:
        raise TemplateError(f"the function {name!r} returned too much: {error.message}") from None
    except (ValueError, RecursionError) as error:
        raise TemplateError(f"the function {name!r} returned what JSON has not: {_clean(str(error))}") from None


def _clean(message: str) -> str:
    return _UNSEEN.sub(" ", message)[:_MAX_MESSAGE]
