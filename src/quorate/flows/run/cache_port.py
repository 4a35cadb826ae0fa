"""Outputs of steps that outlive their run: the port."""

from typing import Protocol


class StepCache(Protocol):
    """Keeps outputs of steps as JSON, under keys that say everything they depend on, tenant included."""

    async def get(self, key: str) -> bytes | None:
        """Return what was kept under a key; `None` if there is nothing or its time is over."""
        ...

    async def put(self, key: str, output: bytes, *, ttl_s: float | None) -> None:
        """Keep an output for `ttl_s` seconds, `None` for as long as there is room."""
        ...
