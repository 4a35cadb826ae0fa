"""What passes the gate before an endpoint, and what the gate learns from how it ends."""

import asyncio
import gc
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_transport import FakeResponse, fields_of, pass_on, relay_to
from quorate.core.clock import Deadline
from quorate.core.errors import CircuitOpen, QueueFull, QuorateError, Unavailable
from quorate.core.ids import TenantId
from quorate.model import Call, complete, new_call
from quorate.providers.endpoint import Endpoint
from quorate.providers.gate import OPEN_GATE
from quorate.providers.relay import RelayEndpoint
from quorate.providers.transport import HttpRequest, HttpResponse, PhaseLimits
from quorate.resilience.breaker import BreakerPolicy, Circuit
from quorate.resilience.gate import EndpointGate, GateKey, GateStatus
from quorate.resilience.gates import Gates
from quorate.resilience.places import PlacesPolicy
from quorate.resilience.retry import Retrying
from quorate.resilience.retry_policy import RetryPolicy, decide_retry
from quorate.testing import VirtualClock, run_virtual
from quorate.wire.chat import ChatRequest, Message

KEY = GateKey(provider="up", model="gpt-up")
ASKED = b'{"model":"m","messages":[],"stream":true}'
WHOLE = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
GOOD = FakeResponse(chunks=(WHOLE,))
DOWN = FakeResponse(status=503, chunks=(b"down",))
BAD = FakeResponse(status=400, chunks=(b'{"error":{"message":"no"}}',))
NO_KEY = FakeResponse(status=401, chunks=(b'{"error":{"message":"who?"}}',))
FILTERED = FakeResponse(chunks=(b'{"choices":[{"message":{"content":""},"finish_reason":"content_filter"}]}',))
REQUEST = ChatRequest(messages=(Message(role="user", content="hi"),))

Way = Callable[[RelayEndpoint, Call], Awaitable[None]]


TWO = BreakerPolicy(failures=2)


def gate(breaker: BreakerPolicy | None = TWO, places: PlacesPolicy | None = None) -> EndpointGate:
    made = Gates(random.Random(3)).gate(KEY, breaker, places)
    assert isinstance(made, EndpointGate)
    return made


def status(of: EndpointGate) -> GateStatus:
    return of.status(0.0)


async def whole(relay: RelayEndpoint, call: Call) -> None:
    await relay.chat(fields_of(ASKED), call)


async def streamed(relay: RelayEndpoint, call: Call) -> None:
    async with relay.stream(fields_of(ASKED), call) as stream:
        await pass_on(stream)


async def translated(relay: RelayEndpoint, call: Call) -> None:
    await complete(relay.endpoint, REQUEST, call)


WAYS = pytest.mark.parametrize("ask", [whole, streamed, translated])


@WAYS
async def test_a_provider_that_is_down_is_not_asked_again(ask: Way) -> None:
    before = gate()
    relay, transport = relay_to(DOWN, gate=before)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await ask(relay, new_call())
    with pytest.raises(CircuitOpen, match=r"^m: up failed so often") as caught:
        await ask(relay, new_call())
    assert len(transport.requests) == 2
    assert (caught.value.http_status, caught.value.model, caught.value.provider) == (503, "m", "up")
    assert 0 < (caught.value.retry_after_s or 0) <= 5
    assert status(before).state is Circuit.OPEN


@WAYS
async def test_a_refused_request_costs_nothing(ask: Way) -> None:
    before = gate(BreakerPolicy(failures=1))
    relay, _ = relay_to(DOWN, gate=before)
    for _ in range(2):
        call = new_call()
        with pytest.raises(Unavailable):
            await ask(relay, call)
        assert call.budget.spend.cost_microusd == 0


@pytest.mark.parametrize("answer", [BAD, FILTERED])
async def test_what_is_the_requests_own_fault_opens_nothing(answer: FakeResponse) -> None:
    before = gate(BreakerPolicy(failures=1))
    relay, _ = relay_to(answer, gate=before)
    with pytest.raises(QuorateError):
        await translated(relay, new_call())
    assert status(before).state is Circuit.CLOSED


async def test_a_key_that_is_not_taken_opens_it_at_once() -> None:
    before = gate()
    relay, _ = relay_to(NO_KEY, gate=before)
    with pytest.raises(QuorateError):
        await whole(relay, new_call())
    assert status(before).state is Circuit.OPEN


@pytest.mark.parametrize("chunks", [(FIRST,), (b"data: {\n\n",), (FIRST, Unavailable("cut"))])
async def test_a_cut_or_garbled_stream_is_an_outage(chunks: tuple[bytes | Exception, ...]) -> None:
    before = gate(BreakerPolicy(failures=1))
    relay, _ = relay_to(FakeResponse(chunks=chunks), gate=before)
    with pytest.raises(QuorateError):
        await streamed(relay, new_call())
    assert status(before).state is Circuit.OPEN


@pytest.mark.parametrize(("leave_after", "counts"), [(1, False), (None, True)])
async def test_a_stream_succeeds_when_it_is_whole(leave_after: int | None, counts: bool) -> None:
    before = gate(BreakerPolicy(failures=2))
    relay, transport = relay_to(DOWN, FakeResponse(chunks=(FIRST, LAST)), gate=before)
    with pytest.raises(Unavailable):
        await whole(relay, new_call())
    async with relay.stream(fields_of(ASKED), new_call()) as stream:
        await pass_on(stream, leave_after=leave_after)
    assert len(transport.requests) == 2
    assert status(before).failures == (0 if counts else 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_leaves_is_neither_success_nor_failure_and_frees_the_probe(stream: bool) -> None:
    async def scenario() -> None:
        before = gate(BreakerPolicy(failures=1, cooldown_s=4), PlacesPolicy(max_concurrent=1))
        transport = Slow(after_s=50, outage_s=1)
        endpoint = _endpoint(before, transport)
        with pytest.raises(Unavailable):
            await complete(endpoint, REQUEST, new_call(clock=VirtualClock()))
        await asyncio.sleep(5)
        asked = ChatRequest(messages=REQUEST.messages, stream=stream)
        probe = asyncio.create_task(complete(endpoint, asked, new_call(clock=VirtualClock())))
        await asyncio.sleep(1)
        with pytest.raises(CircuitOpen):
            await complete(endpoint, REQUEST, new_call(clock=VirtualClock()))
        probe.cancel()
        with suppress(asyncio.CancelledError):
            await probe
        assert before.status(6).state is Circuit.HALF_OPEN
        assert before.status(6).in_use == 0
        await complete(endpoint, REQUEST, new_call(clock=VirtualClock()))
        assert before.status(60).state is Circuit.CLOSED

    await asyncio.to_thread(run_virtual, scenario())


class Slow:
    """A provider that is down until `outage_s`, and answers after `after_s` seconds then."""

    def __init__(self, *, after_s: float = 0.0, outage_s: float = 0.0) -> None:
        self._after_s = after_s
        self.outage_s = outage_s
        self.asked_s = list[float]()

    @asynccontextmanager
    async def send(
        self,
        request: HttpRequest,
        limits: PhaseLimits,
        deadline: Deadline,
        *,
        on_sent: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[HttpResponse]:
        del request, limits, deadline
        loop = asyncio.get_running_loop()
        self.asked_s.append(loop.time())
        if loop.time() < self.outage_s:
            yield DOWN
            return
        on_sent()
        await asyncio.sleep(self._after_s)
        yield GOOD

    async def close(self) -> None:
        return


def _endpoint(before: EndpointGate, transport: Slow) -> Endpoint:
    relay, _ = relay_to(GOOD, gate=before, price=None)
    plain = relay.endpoint
    return Endpoint(
        name="m", provider="up", dialect=plain.dialect, target=plain.target, transport=transport, gate=before
    )


def test_a_provider_that_is_down_for_a_minute_gets_few_requests_and_is_back_within_half_a_minute() -> None:
    async def scenario() -> None:
        transport = Slow(outage_s=60)
        before = gate(BreakerPolicy())
        model = Retrying(_endpoint(before, transport), RetryPolicy())
        ok_s, refused = list[float](), 0
        for _ in range(40):
            began_s, asked = asyncio.get_running_loop().time(), len(transport.asked_s)
            try:
                await complete(model, REQUEST, new_call(clock=VirtualClock()))
                ok_s.append(began_s)
            except CircuitOpen:
                if len(transport.asked_s) == asked:
                    refused += 1
                    assert asyncio.get_running_loop().time() == began_s  # told at once, and not tried again
            except Unavailable:
                pass
            await asyncio.sleep(max(0.0, began_s + 4 - asyncio.get_running_loop().time()))
        assert len([at_s for at_s in transport.asked_s if at_s < 60]) <= 12
        assert refused >= 5
        assert 60 <= ok_s[0] <= 90
        assert before.status(0).state is Circuit.CLOSED

    run_virtual(scenario())


def test_requests_wait_for_a_place_and_tenants_take_turns() -> None:
    async def scenario() -> None:
        before = gate(None, PlacesPolicy(max_concurrent=1, queue=3))
        endpoint = _endpoint(before, Slow(after_s=10))
        done = list[tuple[str, float]]()

        async def ask(tenant: str) -> None:
            await complete(endpoint, REQUEST, new_call(clock=VirtualClock(), tenant=TenantId(tenant)))
            done.append((tenant, asyncio.get_running_loop().time()))

        tasks = [asyncio.create_task(ask(tenant)) for tenant in "aaab"]
        await asyncio.sleep(1)
        assert (before.status(1).in_use, before.status(1).waiting) == (1, 3)
        with pytest.raises(QueueFull):
            await ask("a")
        await asyncio.gather(*tasks)
        assert done == [("a", 10), ("a", 20), ("b", 30), ("a", 40)]

    run_virtual(scenario())


async def test_an_overload_narrows_an_adaptive_limit() -> None:
    before = gate(None, PlacesPolicy(max_concurrent=20, adaptive=True))
    relay, _ = relay_to(DOWN, gate=before)
    with pytest.raises(Unavailable):
        await whole(relay, new_call())
    assert (status(before).limit, status(before).in_use) == (7, 0)


async def test_who_waited_while_the_circuit_opened_is_refused_and_leaves_no_place_taken() -> None:
    before = gate(BreakerPolicy(failures=1), PlacesPolicy(max_concurrent=1))
    call = new_call()
    first = before.enter(call)
    assert first is not None
    assert before.enter(call) is None
    waiting = asyncio.create_task(before.wait(call))
    await asyncio.sleep(0)
    first.end(Unavailable("down"), False)
    with pytest.raises(CircuitOpen):
        await waiting
    assert (status(before).in_use, status(before).waiting) == (0, 0)


@given(st.integers(0, 2**32))
def test_whatever_happens_no_place_and_no_probe_is_lost(seed: int) -> None:
    rng = random.Random(seed)

    async def scenario() -> None:
        before = gate(BreakerPolicy(failures=2, cooldown_s=3), PlacesPolicy(max_concurrent=2, queue=4))
        transport = Slow(after_s=2)
        endpoint = _endpoint(before, transport)
        tasks = list[asyncio.Task[object]]()
        for _ in range(40):
            match rng.randrange(5):
                case 0 | 1:
                    call = new_call(
                        clock=VirtualClock(), timeout_s=rng.choice([None, 3]), tenant=TenantId("ab"[seed % 2])
                    )
                    tasks.append(asyncio.create_task(complete(endpoint, REQUEST, call)))
                case 2 if tasks:
                    rng.choice(tasks).cancel()
                case 3:
                    transport.outage_s = asyncio.get_running_loop().time() + rng.choice([0, 4])
                case _:
                    await asyncio.sleep(rng.choice([0, 1, 4]))
            assert 0 <= (before.status(0).in_use or 0) <= 2
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (before.status(0).in_use, before.status(0).waiting) == (0, 0)
        await asyncio.sleep(30)
        transport.outage_s = 0
        await complete(endpoint, REQUEST, new_call(clock=VirtualClock()))
        assert before.status(0).state is Circuit.CLOSED

    run_virtual(scenario())


def test_a_circuit_that_is_open_is_no_reason_to_ask_the_same_model_again() -> None:
    decision = decide_retry(
        RetryPolicy(), CircuitOpen("open", retry_after_s=1), attempt=1, remaining_s=None, rng=random.Random(1)
    )
    assert decision.delay_s is None
    assert CircuitOpen("open").retryable


async def test_openings_and_closings_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "quorate")
    before = gate(BreakerPolicy(failures=1, cooldown_s=0.001, max_cooldown_s=0.001))
    relay, _ = relay_to(DOWN, GOOD, gate=before)
    with pytest.raises(Unavailable):
        await whole(relay, new_call())
    await asyncio.sleep(0.002)
    await whole(relay, new_call())
    assert "up fails with the model 'gpt-up' (transient); it is left alone" in caplog.text
    assert "up answers again with the model 'gpt-up'" in caplog.text


def test_models_share_the_places_of_their_provider_and_have_circuits_of_their_own() -> None:
    gates = Gates(random.Random(1))
    policy, places = BreakerPolicy(failures=1), PlacesPolicy(max_concurrent=1)
    first = gates.gate(KEY, policy, places)
    assert gates.gate(KEY, policy, places) is first
    other = gates.gate(GateKey(provider="up", model="other"), policy, places)
    permit = first.enter(new_call())
    assert permit is not None
    assert other.enter(new_call()) is None
    permit.end(Unavailable("down"), False)
    assert [(each.key.model, each.state) for each in gates.status(0)] == [
        ("gpt-up", Circuit.OPEN),
        ("other", Circuit.CLOSED),
    ]


def test_names_that_callers_make_up_do_not_pile_up() -> None:
    gates = Gates()
    for turn in range(100):
        gates.gate(GateKey(provider="up", model=f"made-up-{turn}"), BreakerPolicy(), None)
    gc.collect()
    assert gates.all() == []


async def test_without_policies_everything_passes() -> None:
    assert Gates().gate(KEY, None, None) is OPEN_GATE
    permit = await OPEN_GATE.wait(new_call())
    permit.end(None, True)
