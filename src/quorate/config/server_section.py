"""The gateway as configured: where it listens, who may use it, how much it takes."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from quorate.source.section import Seconds, Section, WebOrigin


class Auth(StrEnum):
    """`keys`: every request needs an API key. `off`: none does; only on a loopback address."""

    KEYS = "keys"
    OFF = "off"


class ServerSection(Section):
    """The gateway (`quorate serve`)."""

    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    """The address to listen on; `0.0.0.0` for all."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """The port; 0 takes a free one. The variable PORT is obeyed as well."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that share the port; one per core at most."""
    auth: Auth = Auth.KEYS
    """`keys`: every request needs an API key. `off`: none does; refused on a public address."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=1_073_741_824)] = 20 * 1024 * 1024
    """The largest request body; larger ones get 413."""
    max_depth: Annotated[int, Field(ge=4, le=512)] = 64
    """How deep the JSON of a request may be nested."""
    max_branches: Annotated[int, Field(ge=1, le=256)] = 32
    """The most branches of a request's own plan, those of ensembles and peer reviews counted; ensembles of this file
    may have more."""
    request_timeout_s: Seconds = 600.0
    """The longest a request may take."""
    heartbeat_s: Seconds = 15.0
    """How often a silent stream sends a comment, so that nobody between takes it for dead."""
    drain_s: Seconds = 30.0
    """How long requests under way may go on after SIGTERM."""
    cors_origins: tuple[WebOrigin, ...] = ()
    """Web pages of these origins may call the gateway; none by default, and never all."""
