"""Where a request goes: the URL, read and checked once, in the pieces that a connection and a request need."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from quorate.core.net import Origin, OutboundGate

#: A URL that everybody reads and writes alike. Others are normalised by yarl: scripts beyond ASCII, `..`, spaces.
_PLAIN = re.compile(
    r"(?:http|https)://(?:[a-z0-9_.-]+|\[[0-9a-f:]+\])(?::[0-9]+)?"
    r"(?:/(?!\.)(?:[A-Za-z0-9!$&'()*+,;=:@._~-](?!/\.)|/(?![/.]))*)?"
    r"(?:\?[A-Za-z0-9!$'()*,;:@._~/?=&-]*)?"
)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # made once for each URL, and looked up for every request
class HttpTarget:
    """`origin` is what connections are shared by and what the gate judges addresses by; `path` includes the query.

    `host` is the name to look up, or the address that the URL spells out; `host_header` names the port if it is not
    the scheme's own.
    """

    origin: Origin
    host: str
    host_header: str
    path: str

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.origin[0] == "https"

    @property
    def literal(self) -> bool:
        """Whether `host` is an address, so that nobody is asked for it."""
        return read_address(self.host) is not None


def read_target(url: str, gate: OutboundGate) -> HttpTarget:
    """Return the target of `url`, which passed the gate in both spellings; raise `Blocked` or `ValueError`.

    The operator's trust is about the URL as written; the address it spells out may show only after normalisation
    (digits of other scripts).
    """
    origin = gate.check_url(url)
    host, path = _plain(url) if _PLAIN.fullmatch(url) else _normalised(url)
    if host.replace(".", "").isdigit():
        gate.check_address(origin, host.rstrip("."))
    scheme, _, port = origin
    name = host.rstrip(".")
    shown = f"[{name}]" if ":" in name else name
    return HttpTarget(
        origin=origin, host=host, host_header=shown if port == _PORTS[scheme] else f"{shown}:{port}", path=path
    )


def read_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that `host` is, without the zone of a link-local one; `None` for a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def same_host(origin: Origin) -> Origin:
    """Return `origin` with its host in the form that all spellings of a name share (IDNA)."""
    scheme, host, port = origin
    return (scheme, host if host.isascii() else _normalised(f"{scheme}://{host}/")[0].rstrip("."), port)


def _plain(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    path = parts.path or "/"
    return parts.hostname or "", f"{path}?{parts.query}" if parts.query else path


def _normalised(url: str) -> tuple[str, str]:
    # slow: 20 ms, needed only for unusual URLs, and those once
    from yarl import URL  # noqa: PLC0415

    read = URL(url)
    return read.raw_host or "", read.raw_path_qs
