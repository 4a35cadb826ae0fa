"""URLs are read as yarl reads them, the usual ones without it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from quorate.core.net import Blocked, OutboundGate
from quorate.providers.http1_target import read_address, read_target, same_host

ANY = OutboundGate()


@pytest.mark.parametrize(
    ("url", "origin", "host", "shown", "path"),
    [
        ("https://a.example", ("https", "a.example", 443), "a.example", "a.example", "/"),
        ("https://a.example/v1?x=1", ("https", "a.example", 443), "a.example", "a.example", "/v1?x=1"),
        ("http://a.example:443/", ("http", "a.example", 443), "a.example", "a.example:443", "/"),
        ("https://a.example:443/", ("https", "a.example", 443), "a.example", "a.example", "/"),
        ("https://A.Example./v1/../b c", ("https", "a.example", 443), "a.example.", "a.example", "/b%20c"),
        ("https://bücher.example/ü", ("https", "bücher.example", 443), "xn--bcher-kva.example", "", "/%C3%BC"),
        ("https://[2606:2800:220:1::1]:8/", ("https", "2606:2800:220:1::1", 8), "2606:2800:220:1::1", "", "/"),
        ("https://a.example/a%2fb?c=%41", ("https", "a.example", 443), "a.example", "a.example", "/a%2Fb?c=A"),
        ("https://a.example/#part", ("https", "a.example", 443), "a.example", "a.example", "/"),
    ],
)
def test_targets(url: str, origin: tuple[str, str, int], host: str, shown: str, path: str) -> None:
    target = read_target(url, ANY)
    assert (target.origin, target.host, target.path) == (origin, host, path)
    assert not shown or target.host_header == shown
    assert target.tls is (origin[0] == "https")


def test_an_ipv6_address_is_bracketed_for_the_server() -> None:
    target = read_target("https://[2606:2800:220:1::1]:8/", ANY)
    assert target.host_header == "[2606:2800:220:1::1]:8"
    assert target.literal


PATH = st.text(st.sampled_from("abcXYZ019-._~!$&'()*+,;=:@/%? #\"<>^`{|}é\\"), max_size=24)


@given(path=PATH, port=st.sampled_from(["", ":80", ":8080"]), host=st.sampled_from(["a.example", "A.example.", "a-1"]))
def test_paths_are_those_of_yarl(path: str, port: str, host: str) -> None:
    text = f"http://{host}{port}/{path}"
    try:
        expected = URL(text)
    except ValueError:
        return
    target = read_target(text, ANY)
    assert target.path == expected.raw_path_qs
    assert target.host == expected.raw_host
    assert set(target.path).isdisjoint(" \r\n")
    assert target.path.isascii()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://\uff11\uff12\uff17.0.0.1/", "ftp://a.example/", "http://u:p@a.example/"]
)
def test_what_the_gate_refuses(url: str) -> None:
    with pytest.raises((Blocked, ValueError)):
        read_target(url, ANY)


def test_line_ends_do_not_reach_the_request() -> None:
    for url in ("https://a.example/a\r\nx: y", "https://a.example/?a\nb", "https://a.example/\0"):
        try:
            target = read_target(url, ANY)
        except (Blocked, ValueError):
            continue
        assert set(target.path).isdisjoint("\r\n\0 ")


def test_addresses() -> None:
    assert str(read_address("fe80::1%3")) == "fe80::1"
    assert read_address("a.example") is None
    assert same_host(("https", "bücher.example", 1)) == ("https", "xn--bcher-kva.example", 1)
    assert same_host(("https", "a.example", 1)) == ("https", "a.example", 1)
