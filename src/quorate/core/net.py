"""The one outbound gate: which addresses a provider's URL may lead to.

Pure rules; the transport asks them for the URL before a request and for every resolved address before it connects,
so a name that changes its address between two look-ups (DNS rebinding) meets the same rule.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

_METADATA_HOSTS = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
#: Cloud metadata services: never reachable, not even when an operator configured the address by mistake.
_METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)
#: Not public, though some versions of Python say so: what RFC 6890 set aside, and IPv6's old private range (RFC 3879).
_NOT_PUBLIC = tuple(ipaddress.ip_network(text) for text in ("192.0.0.0/24", "fec0::/10"))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


class Blocked(Exception):
    """The gate refused; the message says what and why. Internal: the transport turns it into `Rejected`."""


def origin_of(url: str) -> Origin:
    """Return (scheme, host, port) of an http or https URL; raise `Blocked` for anything else."""
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Blocked(f"{url!r} is not a URL: {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise Blocked(f"{url!r} is not an http or https URL")
    if parts.username is not None or parts.password is not None:
        raise Blocked("credentials inside a URL are refused; put them into api_key")
    return parts.scheme, parts.hostname.rstrip(".").lower(), port or _PORTS[parts.scheme]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundGate:
    """Allows public addresses, and private ones only for origins the operator configured.

    `trusted` holds the (scheme, host, port) of every base URL in the operator's own configuration: a local Ollama or a
    server in a private network is reachable because somebody with authority wrote it down, never because a request
    said so. `advice` is what a refusal tells the operator to do.
    """

    trusted: frozenset[Origin] = field(default_factory=frozenset[Origin])
    advice: str = "configure it as a provider's base_url if it is yours"

    @classmethod
    def for_base_urls(cls, urls: Iterable[str]) -> "OutboundGate":
        """Return a gate that trusts the origins of the configured base URLs."""
        return cls(trusted=frozenset(origin_of(url) for url in urls))

    def check_url(self, url: str) -> Origin:
        """Return the origin of `url`, or raise `Blocked`. No look-up is made."""
        origin = origin_of(url)
        host = origin[1]
        if host in _METADATA_HOSTS:
            raise Blocked(f"{host!r} is a cloud metadata service")
        literal = _literal(host)
        if literal is not None:
            self.check_address(origin, literal)
        return origin

    def check_address(self, origin: Origin, address: IPv4Address | IPv6Address | str) -> None:
        """Raise `Blocked` unless `address`, which `origin` resolved to, may be connected to."""
        ip = _unwrap(ipaddress.ip_address(address) if isinstance(address, str) else address)
        if ip in _METADATA_ADDRESSES:
            raise Blocked(f"{ip} is a cloud metadata service")
        if not _is_public(ip) and origin not in self.trusted:
            raise Blocked(f"{origin[1]!r} leads to {ip}, which is not a public address; {self.advice}")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address a host name spells out, also in the old decimal, octal and hex forms; else `None`."""
    try:
        return ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return _legacy_ipv4(host)


def _legacy_ipv4(host: str) -> IPv4Address | None:
    """Read what inet_aton reads: `2130706433`, `0x7f.1`, `0177.0.0.1`."""
    parts = host.split(".")
    try:
        numbers = [int(part, 8) if part.startswith("0") and part.isdigit() else int(part, 0) for part in parts]
    except ValueError:
        return None
    if not 1 <= len(numbers) <= 4 or any(number < 0 for number in numbers):  # noqa: PLR2004 - four octets
        return None
    *heads, tail = numbers
    if any(head > 255 for head in heads) or tail >= 256 ** (4 - len(heads)):  # noqa: PLR2004 - one octet
        return None
    value = tail + sum(head << (24 - 8 * index) for index, head in enumerate(heads))
    return IPv4Address(value)


def _unwrap(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address inside an IPv4-mapped, NAT64 or 6to4 address, else the address itself."""
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64:
            return IPv4Address(int(ip) & 0xFFFFFFFF)
        if ip.sixtofour is not None:
            return ip.sixtofour
    return ip


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    return (
        ip.is_global
        and not ip.is_multicast
        and not ip.is_reserved
        and not any(ip in network for network in _NOT_PUBLIC)
    )
