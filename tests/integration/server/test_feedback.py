"""From a question to what was learned, through two running gateways on one database."""

from collections.abc import Iterator

import pytest

from gateway_site import Site, chat, site
from patience import until_it


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('shared')}/runs.db"
    more = "consensus: { learn: all }\n"
    with site(more, storage__url=url) as one, site(more, storage__url=url, server__auth="off") as two:
        yield one, two


async def test_a_label_at_one_gateway_teaches_the_other(gateways: tuple[Site, Site]) -> None:
    one, two = gateways
    async with one.client() as client:
        reply = await client.ask("POST", "/v1/chat/completions", chat("panel"))
        assert reply.status == 200
        run = (await one.run(reply.headers["x-request-id"])).id
        assert run == reply.headers["x-quorate-run-id"]
        shown = (await client.ask("GET", f"/api/v1/runs/{run}")).json["run"]
        assert shown["weighting"] == "equal"
        assert all(branch["vote"] == 1.0 and branch["cluster"] is not None for branch in shown["branches"])
        told = await client.ask("POST", "/api/v1/feedback", {"run_id": run, "correct": True, "branch": "left"})
        assert told.status == 200
    async with two.client("") as client:

        async def learned() -> bool:
            known = (await client.ask("GET", "/api/v1/models/records")).json["data"]
            return any((each["model"], each["right"], each["used"]) == ("left", 1.0, False) for each in known)

        await until_it(learned)
