"""Flows: where they are, where their runs are kept, and what they may use."""

from typing import Annotated

from pydantic import Field

from quorate.config.database_url import DatabaseUrl
from quorate.source.section import BaseUrl, FilePath, Seconds, SecretReference, Section

_MIB = 1024 * 1024


class FunctionsSection(Section):
    """Functions that flows bring along: they run in processes of their own, with limits."""

    enabled: bool = True
    """Whether flows may have functions at all."""
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Processes that functions run in."""
    time_limit_s: Seconds = 0.5
    """How long one call may take."""
    memory_mib: Annotated[int, Field(ge=8, le=4096)] = 64
    """How much memory one call may use."""


class FlowsSection(Section):
    """Flows: where they are, where their runs are kept, and what they may use."""

    folder: FilePath | None = None
    """The folder with the flows; not given: `flows` beside the configuration file, if it is there."""
    journal: DatabaseUrl | None = None
    """Where runs are kept: `sqlite:///path` or `postgresql://...`, or a reference (`env:NAME`, `file:/path`) to it,
    which keeps a password out of this file.

    Not given: SQLite in the user's data folder."""
    files: FilePath | None = None
    """The folder for the files of runs; not given: in the user's data folder."""
    max_runs: Annotated[int, Field(ge=1, le=10_000)] = 32
    """Runs under way at once in one process; the others wait in the queue."""
    max_queued: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    """Runs that may wait; more are refused with 429."""
    max_file_bytes: Annotated[int, Field(ge=1, le=1024 * _MIB)] = 20 * _MIB
    """How large a file may be that comes with a run."""
    lease_s: Seconds = 15.0
    """After so many seconds without a sign of life, another worker takes a run over."""
    max_takeovers: Annotated[int, Field(ge=0, le=1000)] = 5
    """How often a run is taken over from a worker that fell silent, one after the other, without a step having ended;
    then it fails with `worker_lost`."""
    keep_days: Annotated[int, Field(ge=1, le=3650)] | None = 30
    """Days after which ended runs are deleted from the journal; `null`: never."""
    keep_files_s: Annotated[float, Field(ge=0, le=31_622_400)] = 86_400
    """Seconds after the end of a run for which its files can be had; then they are deleted."""
    reload_s: Seconds = 1.0
    """How often changed files are looked for, in seconds."""
    secrets: dict[str, SecretReference] = Field(default_factory=dict)
    """Secrets that steps may use, by the names that flows know them by."""
    trusted_urls: tuple[BaseUrl, ...] = ()
    """Servers in private networks that the steps `http` and `webhook` and the callbacks of runs may reach; public ones
    need no entry."""
    callback_secret: SecretReference | None = None
    """What messages to the callback addresses of runs are signed with; a configured webhook has its own secret."""
    functions: FunctionsSection = FunctionsSection()
