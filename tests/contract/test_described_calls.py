"""The API's description lists the calls that the gateway answers, with the permission that each needs."""

from quorate.server.app import hot_routes
from quorate.server.call_handler import CallHandler
from quorate.server.call_routes import CALLS
from quorate.testing.local_gateway import LocalGateway


def test_the_calls_described_are_those_answered() -> None:
    with LocalGateway() as gateway:
        answered = hot_routes(gateway.services)
    assert {call.path for call in CALLS} == answered.keys()
    for call in CALLS:
        handler = answered[call.path]
        assert isinstance(handler, CallHandler)
        assert handler._permission is call.permission  # pyright: ignore[reportPrivateUsage] - the table is the handler
