"""A repeated request gets the first answer, and nothing happens twice."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from exchanges import OTHER, AdminApi, route_of
from quorate.core.errors import InvalidRequest, NotFound, Unprocessable
from quorate.server import keys_api
from quorate.server.idempotency import StillRunning, once
from quorate.server.keys_api import REPLAY_NOTE
from quorate.server.route import Answer, Exchange

CREATE = route_of(keys_api.ROUTES, "POST", "/api/v1/keys")
ROTATE = route_of(keys_api.ROUTES, "POST", "/api/v1/keys/{id}/rotate")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[AdminApi]:
    api = AdminApi(f"sqlite:///{tmp_path / 'a.db'}")
    yield api
    api.database.close()


class Work:
    """A live count of how often it was done."""

    def __init__(self, value: object = b'{"n": 1}') -> None:
        self.times = 0
        self.value = value
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.begun = asyncio.Event()

    async def __call__(self) -> Answer:
        self.times += 1
        self.begun.set()
        await self.may_end.wait()
        if isinstance(self.value, Exception):
            raise self.value
        return Answer(value=self.value, status=201)


async def exchange(api: AdminApi, **parts: dict[str, str]) -> Exchange:
    return api.exchange(CREATE, await api.principal(), body={"name": "n"}, **parts)


async def test_the_second_gets_the_first_answer(api: AdminApi) -> None:
    first, work = await exchange(api), Work()
    told = await once(first, CREATE, "k", b"{}", work)
    again = await once(first, CREATE, "k", b"{}", work)
    assert (told.headers, again.headers) == ({}, {"Idempotency-Replayed": "true"})
    assert (again.status, again.value) == (201, b'{"n": 1}')
    assert work.times == 1


async def test_tenants_routes_and_keys_are_apart(api: AdminApi) -> None:
    work = Work()
    mine, theirs = await exchange(api), api.exchange(CREATE, await api.principal(OTHER), body={"name": "n"})
    for who, route, key in ((mine, CREATE, "k"), (theirs, CREATE, "k"), (mine, ROTATE, "k"), (mine, CREATE, "K")):
        await once(who, route, key, b"{}", work)
    assert work.times == 4


@pytest.mark.parametrize(("path", "body"), [({"id": "1"}, b"{ }"), ({"id": "2"}, b"{}")])
async def test_another_request_with_the_same_key_is_refused(api: AdminApi, path: dict[str, str], body: bytes) -> None:
    who, work = await api.principal(), Work()
    await once(api.exchange(ROTATE, who, path={"id": "1"}), ROTATE, "k", b"{}", work)
    with pytest.raises(Unprocessable):
        await once(api.exchange(ROTATE, who, path=path), ROTATE, "k", body, work)


async def test_of_many_at_once_one_works_and_the_others_are_told_to_come_back(api: AdminApi) -> None:
    who, work = await exchange(api), Work()
    work.may_end.clear()

    refused: list[StillRunning] = []

    async def attempt() -> int:
        try:
            return (await once(who, CREATE, "k", b"{}", work)).status
        except StillRunning as error:
            refused.append(error)
            if len(refused) == 19:
                work.may_end.set()
            return error.http_status

    statuses = await asyncio.gather(*(attempt() for _ in range(20)))
    assert sorted(statuses) == [201] + [409] * 19
    assert all(error.retryable and error.retry_after_s for error in refused)
    assert work.times == 1


async def test_after_a_day_the_key_is_free(api: AdminApi) -> None:
    who, work = await exchange(api), Work()
    await once(who, CREATE, "k", b"{}", work)
    api.clock.advance(24 * 3600)
    await once(who, CREATE, "k", b"other", work)
    assert work.times == 2


async def test_what_failed_may_be_sent_again(api: AdminApi) -> None:
    who, work = await exchange(api), Work(NotFound("no tenant"))
    for _ in range(2):
        with pytest.raises(NotFound):
            await once(who, CREATE, "k", b"{}", work)
    assert work.times == 2


def everything_in(folder: Path) -> bytes:
    files = [file.read_bytes() for file in folder.iterdir()]
    assert any(b"of a test" in content for content in files)  # it is readable, so a secret would be found
    return b"".join(files)


async def test_a_key_is_not_shown_twice_nor_kept(api: AdminApi, tmp_path: Path) -> None:
    who = await exchange(api)
    first = await once(who, CREATE, "k", b"{}", lambda: CREATE.handler(who))
    again = await once(who, CREATE, "k", b"{}", lambda: CREATE.handler(who))
    assert first.value.secret.startswith("qk_")
    replayed = msgspec.json.decode(again.value)
    assert (replayed["secret"], replayed["note"]) == (None, REPLAY_NOTE)
    assert replayed["key"]["id"] == first.value.key.id
    await asyncio.to_thread(api.database.close)
    assert first.value.secret.encode() not in await asyncio.to_thread(everything_in, tmp_path)


async def leave(begin: Callable[[], Awaitable[Answer]], work: Work) -> None:
    """Begin, and cancel when the work is under way."""

    async def run() -> Answer:
        return await begin()

    task = asyncio.create_task(run())
    await work.begun.wait()
    task.cancel()
    await asyncio.sleep(0.02)
    work.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_write_is_finished_when_its_caller_leaves(api: AdminApi) -> None:
    who, work = await exchange(api), Work()
    work.may_end.clear()
    await leave(lambda: once(who, CREATE, "k", b"{}", work), work)
    assert (await once(who, CREATE, "k", b"{}", work)).headers == {"Idempotency-Replayed": "true"}
    assert work.times == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "ä", "\0"])
async def test_odd_keys(api: AdminApi, key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await once(await exchange(api), CREATE, key, b"{}", Work())
    assert caught.value.param == "Idempotency-Key"
