"""Forms with files, read while they come."""

from collections.abc import AsyncGenerator, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi import Exchange, scope_of
from quorate.core.errors import ClientGone, InvalidRequest, QuorateError, TooLarge, UnsupportedMedia
from quorate.server.inbound import Inbound, Message
from quorate.server.multipart import Multipart, Part, is_form
from quorate.testing import run_virtual

BOUNDARY = "----boundary"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


def form(*parts: tuple[str, bytes]) -> bytes:
    """Return a body; each part is its headers' lines and its content."""
    whole = b"".join(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts)
    return whole + f"--{BOUNDARY}--\r\n".encode()


FIELD = ('Content-Disposition: form-data; name="text"', "h\u00e9llo".encode())
FILE = (
    'Content-Disposition: form-data; name="file"; filename="\u00fc.pdf"\r\nContent-Type: Application/PDF; x=y',
    b"%PDF-1.7",
)
BODY = form(FIELD, FILE)


def reading(*pieces: bytes, limit: int = 10_000, kind: str = KIND, **headers: str) -> Multipart:
    given = {"content-type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
    heads = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    return Multipart(Inbound(scope_of("POST", "/", heads)), Exchange(*pieces).receive, limit_bytes=limit)


async def read(*pieces: bytes, limit: int = 10_000, kind: str = KIND, **headers: str) -> list[tuple[Part, bytes]]:
    given = [
        (b"content-type", kind.encode("latin-1")),
        *((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()),
    ]
    reader = Multipart(Inbound(scope_of("POST", "/", given)), Exchange(*pieces).receive, limit_bytes=limit)
    return [(part, b"".join([piece async for piece in reader.content()])) async for part in reader.parts()]


async def test_fields_and_files_come_in_their_order() -> None:
    assert await read(BODY) == [
        (Part(name="text", filename=None, media_type=""), "h\u00e9llo".encode()),
        (Part(name="file", filename="\u00fc.pdf", media_type="application/pdf"), b"%PDF-1.7"),
    ]


@given(cuts=st.lists(st.integers(0, len(BODY)), max_size=6))
def test_it_does_not_matter_where_the_body_is_cut(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(BODY)]
    pieces = [BODY[start:end] for start, end in pairwise(at)]
    assert run_virtual(read(*pieces)) == run_virtual(read(BODY))


@given(content=st.binary(max_size=300))
def test_any_content_comes_back(content: bytes) -> None:
    body = form((FILE[0], content))
    if f"\r\n--{BOUNDARY}".encode() not in content:
        assert run_virtual(read(body))[0][1] == content


@given(body=st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: BODY[:90] + tail))
def test_broken_forms_are_refused_and_break_nothing(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        run_virtual(read(body))


async def test_parts_that_nobody_reads_are_passed_over() -> None:
    reader = reading(BODY)
    assert [part.name async for part in reader.parts()] == ["text", "file"]


@pytest.mark.parametrize(("content", "error"), [(b"x" * 11, TooLarge), (b"\xff", InvalidRequest)])
async def test_a_field_is_text_of_a_bounded_length(content: bytes, error: type[QuorateError]) -> None:
    reader = reading(form((FIELD[0], content)))
    assert [part.name async for part in first_of(reader)] == ["text"]
    with pytest.raises(error):
        await reader.text(limit_bytes=10)


async def first_of(reader: Multipart) -> AsyncGenerator[Part]:
    async for part in reader.parts():
        yield part
        return


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("application/json", BODY, UnsupportedMedia),
        ("multipart/form-data", BODY, InvalidRequest),
        ("multipart/form-data; boundary=" + "x" * 71, BODY, InvalidRequest),
        (KIND, b"", InvalidRequest),
        (KIND, BODY[:-20], InvalidRequest),
        (KIND, form(("Content-Disposition: attachment", b"x")), InvalidRequest),
        (KIND, form(("X-Other: 1", b"x")), InvalidRequest),
        (KIND, form(*[FIELD] * 201), InvalidRequest),
        (KIND, form((FILE[0], b"x" * 60_000)), TooLarge),
    ],
)
async def test_what_is_no_form_is_refused(kind: str, body: bytes, error: type[QuorateError]) -> None:
    with pytest.raises(error):
        await read(body, kind=kind, limit=50_000)


async def test_a_compressed_form_is_refused() -> None:
    with pytest.raises(UnsupportedMedia):
        await read(BODY, content_encoding="gzip")


async def test_a_caller_that_leaves_is_noticed() -> None:
    messages: Iterator[Message] = iter(
        [{"type": "http.request", "body": BODY[:50], "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Message:
        return next(messages)

    reader = Multipart(Inbound(scope_of("POST", "/", [(b"content-type", KIND.encode())])), receive, limit_bytes=10_000)
    with pytest.raises(ClientGone):
        _ = [part async for part in reader.parts()]


def test_whether_it_is_a_form() -> None:
    kinds = {KIND: True, "Multipart/Form-Data": True, "application/json": False, "": False}
    for kind, expected in kinds.items():
        assert is_form(Inbound(scope_of("POST", "/", [(b"content-type", kind.encode())]))) is expected
