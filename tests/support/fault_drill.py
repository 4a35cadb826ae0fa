"""Drills: each of the sixteen faults of a provider, over HTTP through a running gateway, and what is to be seen."""

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import pairwise
from typing import Any

import httpx2

import patience
from quorate.testing.local_gateway import LocalGateway
from quorate.upstream.fault import FAULTS, Fault
from running_gateway import UPSTREAM_KEY, UpstreamThread
from slowness import slowness

#: The answers of the drills: long enough that one can be cut in the middle.
TOKENS = 60
#: Every fault with a fallback named `spare`, two retries, and limits on silence, as the catalogue's baseline has them.
_HEAD = """
version: 1
providers:
  primary: {{ type: openai, base_url: "{url}/v1", api_key: env:UPSTREAM_KEY, limits: {limits} }}
  backup: {{ type: openai, base_url: "{url}/v1", api_key: env:UPSTREAM_KEY }}
defaults:
  retry: {retry}
  breaker: {breaker}
models:
  spare: {{ provider: backup, model: "tokens-60#spare", context_window: 200000, price: {{ input: 1, output: 2 }} }}
  picky: {{ provider: backup, model: "f14-fallback+tokens-60#picky", price: {{ input: 1, output: 2 }} }}
  good: {{ provider: backup, model: "tokens-60#good", price: {{ input: 1, output: 2 }} }}
  better: {{ provider: backup, model: "tokens-60#better", price: {{ input: 1, output: 2 }} }}
"""
_MODEL = """
  {name}: {{ provider: primary, model: "{upstream}", context_window: 8192, price: {{ input: 1, output: 2 }},
             fallbacks: [{fallback}], on_cut: restart }}
"""
#: The same fault without a fallback, beside two healthy models.
_PANEL = """
  {name}-{mode}-member: {{ provider: primary, model: "{upstream}-{mode}", on_cut: restart }}
  {name}-{mode}: {{ type: ensemble, mode: {mode}, members: [{name}-{mode}-member, good, better] }}
"""
MODES = ("all", "race", "quorum")
#: The faults, each of which has a drill.
DRILLED = tuple(fault for fault in Fault if fault is not Fault.F14_FALLBACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How fast the drills go: every time of the catalogue, those of the gateway's limits too, times `scale`.

    `slack_s` is what a machine may add to a wait, times how much slower it is than one that has nothing else to do.
    """

    name: str
    scale: float
    slack_s: float

    def s(self, seconds: float) -> float:
        """Return a time of the catalogue in this profile."""
        return seconds * self.scale

    def upstream(self, fault: Fault) -> str:
        """Return the test upstream's model for a fault."""
        lasts_s = FAULTS[fault].lasts_s
        word = fault.value if lasts_s is None else f"{fault.value}-{round(self.s(lasts_s) * 1000)}ms"
        return f"{word}+tokens-{TOKENS}#drill"

    def config(self, url: str) -> str:
        """Return the gateway's configuration."""
        limits = {"headers_s": 30, "first_token_s": 10, "idle_s": 20, "connect_s": 10}
        retry = {"max_retries": 2, "delay_s": self.s(0.5), "max_delay_s": self.s(20)}
        head = _HEAD.format(
            url=url,
            limits=json.dumps({name: max(self.s(seconds), 0.2) for name, seconds in limits.items()}),
            retry=json.dumps(retry),
            breaker=json.dumps({"cooldown_s": self.s(10), "max_cooldown_s": self.s(20), "window_s": self.s(60)}),
        )
        return head + "".join(self._models(fault) for fault in DRILLED)

    def _models(self, fault: Fault) -> str:
        named = {"name": fault.value, "upstream": self.upstream(fault)}
        model = _MODEL.format(**named, fallback="picky" if fault is Fault.F14 else "spare")
        return model + "".join(_PANEL.format(**named, mode=mode) for mode in MODES)


#: As the catalogue has it: takes about four minutes.
FULL = Profile(name="full", scale=1.0, slack_s=1.0)
#: Twenty times as fast.
SHORT = Profile(name="short", scale=0.05, slack_s=2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a caller read of a stream: `text` and `done` (`[DONE]` came), or an `error`; in `seconds`."""

    status: int
    text: str = ""
    model: str = ""
    usage: dict[str, Any] | None = None
    finish: str | None = None
    done: bool = False
    error: str = ""
    seconds: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether it is the complete answer and nothing else."""
        return self.done and self.finish == "stop" and not self.error and len(self.text.split()) == TOKENS


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What a drill found: it is passed if nothing is wrong."""

    fault: Fault
    attempts: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list[str])

    @property
    def passed(self) -> bool:
        """Whether the caller and the provider saw what they must see."""
        return not self.wrong

    def expect(self, what: str, fine: bool) -> None:
        """Take note of a condition that does not hold."""
        if not fine:
            self.wrong.append(what)

    def expect_within(self, what: str, seconds: float, wait_s: float, profile: Profile) -> None:
        """Take note of what took longer than its wait and the slack; a machine that is busy just now has more of it."""
        allowed_s = wait_s + profile.slack_s
        if seconds > allowed_s:
            allowed_s = wait_s + profile.slack_s * slowness()
        self.expect(f"{what} within {allowed_s:g} s, not {seconds:.1f}", seconds <= allowed_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A gateway and the upstream it asks."""

    profile: Profile
    gateway: LocalGateway
    upstream: UpstreamThread

    def ask(self, model: str, **more: Any) -> Heard:
        """Ask for a streamed answer and read it to its end."""
        body = {
            "model": model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [{"role": "user", "content": "Say something long."}],
            **more,
        }
        began = time.monotonic()
        with (
            httpx2.Client(timeout=120) as client,
            client.stream(
                "POST",
                f"{self.gateway.base_url}/chat/completions",
                json=body,
                headers={"authorization": f"Bearer {self.gateway.key}"},
            ) as answer,
        ):
            if answer.status_code != HTTPStatus.OK:
                error = json.loads(answer.read())["error"]
                return Heard(status=answer.status_code, error=error["message"], seconds=time.monotonic() - began)
            lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
        return _heard(lines, time.monotonic() - began)

    def attempts(self, fault: Fault) -> list[float]:
        """Return when the faulty model was asked, in seconds."""
        return [request.at_s for request in self.upstream.requests(self.profile.upstream(fault))]

    def healthy(self) -> bool:
        """Whether the gateway answers another question at once."""
        return self.ask("good").whole


def _heard(lines: list[str], seconds: float) -> Heard:
    done = bool(lines) and lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines if line != "[DONE]"]
    errors = [chunk["error"]["message"] for chunk in chunks if chunk.get("error")]
    choices = [choice for chunk in chunks for choice in chunk.get("choices", ())]
    return Heard(
        status=200,
        text="".join(choice["delta"].get("content") or "" for choice in choices),
        model=next((chunk["model"] for chunk in chunks if chunk.get("model")), ""),
        usage=next((chunk["usage"] for chunk in chunks if chunk.get("usage")), None),
        finish=next((choice["finish_reason"] for choice in choices if choice.get("finish_reason")), None),
        done=done,
        error="; ".join(errors),
        seconds=seconds,
    )


@contextmanager
def site(profile: Profile) -> Generator[Site]:
    """Serve the models of the drills until the context ends."""
    with (
        UpstreamThread() as upstream,
        LocalGateway(profile.config(upstream.url), environ={"UPSTREAM_KEY": UPSTREAM_KEY}) as gateway,
    ):
        yield Site(profile=profile, gateway=gateway, upstream=upstream)


def drill(site: Site, fault: Fault) -> Verdict:
    """Run the drill of one fault."""
    if fault is Fault.F15:
        return _outage(site)
    heard = site.ask(fault.value)
    times = site.attempts(fault)
    verdict = Verdict(fault=fault, attempts=len(times), seconds=heard.seconds)
    if fault is Fault.F13:
        _refused(verdict, heard)
        return verdict
    verdict.expect(f"the whole answer, not {heard}", heard.whole)
    verdict.expect(f"usage, not {heard.usage}", (heard.usage or {}).get("completion_tokens") == TOKENS)
    _CHECKS[fault](site, verdict, heard, times)
    return verdict


Check = Callable[[Site, Verdict, Heard, list[float]], None]


def _waits(site: Site, verdict: Verdict, heard: Heard, times: list[float]) -> None:
    gap_s = times[1] - times[0] if len(times) > 1 else None
    verdict.expect(f"1.8 s between attempts, not {gap_s}", gap_s is None or gap_s >= site.profile.s(1.8))
    verdict.expect(f"2 attempts, not {len(times)}", len(times) == 2)
    verdict.expect(f"the same model, not {heard.model}", heard.model != "spare")


def _backs_off(site: Site, verdict: Verdict, heard: Heard, times: list[float]) -> None:
    crowded = sum(later - first < site.profile.s(3) for first in times[:1] for later in times)
    verdict.expect(f"at most 4 attempts in 3 s, not {crowded}", crowded <= 4)
    _stood_in(site, verdict, heard, times)


def _stood_in(site: Site, verdict: Verdict, heard: Heard, times: list[float]) -> None:
    del site
    verdict.expect(f"at most 6 attempts, not {len(times)}", 1 <= len(times) <= 6)
    verdict.expect(f"the fallback's name, not {heard.model}", heard.model == "spare")


def _once_more(site: Site, verdict: Verdict, heard: Heard, times: list[float]) -> None:
    del site
    verdict.expect(f"one retry, not {len(times) - 1}", len(times) == 2)
    verdict.expect(f"the same model, not {heard.model}", heard.model != "spare")


def _left_at_once(site: Site, verdict: Verdict, heard: Heard, times: list[float]) -> None:
    verdict.expect(f"a silent route is asked once, not {len(times)} times", len(times) == 1)
    verdict.expect(f"the fallback's name, not {heard.model}", heard.model == "spare")
    limit_s = {Fault.F06: 100, Fault.F07: 15, Fault.F09: 45}[verdict.fault]
    verdict.expect_within("an answer", heard.seconds, site.profile.s(limit_s), site.profile)
    verdict.expect("a healthy process afterwards", site.healthy())


def _restarted(site: Site, verdict: Verdict, heard: Heard, times: list[float]) -> None:
    del site, times
    wanted = "picky" if verdict.fault is Fault.F14 else "spare"
    verdict.expect(f"{wanted} to answer, not {heard.model}", heard.model == wanted)


def _in_place(site: Site, verdict: Verdict, heard: Heard, times: list[float]) -> None:
    del times
    verdict.expect_within("an answer", heard.seconds, site.profile.s(8), site.profile)


def _larger(site: Site, verdict: Verdict, heard: Heard, times: list[float]) -> None:
    del site
    verdict.expect(f"one attempt, not {len(times)}", len(times) == 1)
    verdict.expect(f"the larger model, not {heard.model}", heard.model == "spare")


def _billed_once(site: Site, verdict: Verdict, heard: Heard, times: list[float]) -> None:
    _stood_in(site, verdict, heard, times)

    def written() -> list[dict[str, Any]]:
        return httpx2.get(
            f"{site.gateway.url}/api/v1/runs",
            params={"model": verdict.fault.value},
            headers={"authorization": f"Bearer {site.gateway.key}"},
        ).json()["data"]

    runs = patience.seen(written)  # a record is written after the answer
    verdict.expect(f"one run, not {len(runs)}", len(runs) == 1)
    for run in runs[:1]:
        tokens = run["completion_tokens"]
        verdict.expect(f"{TOKENS} tokens in the record, not {tokens}", tokens == TOKENS)


_CHECKS: dict[Fault, Check] = {
    Fault.F01: _waits,
    Fault.F02: _backs_off,
    Fault.F03: _once_more,
    Fault.F04: _stood_in,
    Fault.F05: _once_more,
    Fault.F06: _left_at_once,
    Fault.F07: _left_at_once,
    Fault.F08: _restarted,
    Fault.F09: _left_at_once,
    Fault.F10: _in_place,
    Fault.F11: _in_place,
    Fault.F12: _larger,
    Fault.F14: _restarted,
    Fault.F16: _billed_once,
}


def _refused(verdict: Verdict, heard: Heard) -> None:
    verdict.expect(f"exactly one attempt, not {verdict.attempts}", verdict.attempts == 1)
    verdict.expect(f"a 400, not {heard.status}", heard.status == HTTPStatus.BAD_REQUEST)
    verdict.expect(f"the provider's reason, not {heard.error!r}", "content filter" in heard.error)


def _outage(site: Site) -> Verdict:
    """Down for 60 s while a request comes every 4 s, until the primary answers again."""
    verdict = Verdict(fault=Fault.F15)
    began = time.monotonic()
    back_s: float | None = None
    while back_s is None and time.monotonic() - began < site.profile.s(100):
        heard = site.ask("f15")
        verdict.expect(f"the whole answer, not {heard}", heard.whole)
        if heard.model != "spare":
            back_s = time.monotonic() - began
        else:
            time.sleep(site.profile.s(4))  # the fault itself: a request comes every four seconds
    times = site.attempts(Fault.F15)
    down = [at_s - times[0] for at_s in times if at_s - times[0] < site.profile.s(60)]
    verdict.attempts, verdict.seconds = len(times), time.monotonic() - began
    verdict.expect(f"few probes of a provider that is down, not {len(down)} attempts", len(down) <= 12)
    verdict.expect_within("back on the primary", back_s or 1e9, site.profile.s(60 + 30), site.profile)
    # The circuit opens after five failures in a row.
    probes = [later - earlier for earlier, later in pairwise(down[5:])]
    verdict.expect(f"probes apart, not {probes}", all(gap_s >= site.profile.s(2) for gap_s in probes))
    return verdict


def drill_panel(site: Site, fault: Fault, mode: str) -> Verdict:
    """Ask a plan of three of which one has the fault, and no fallback."""
    heard = site.ask(f"{fault.value}-{mode}")
    verdict = Verdict(fault=fault, seconds=heard.seconds)
    verdict.expect(f"the whole answer, not {heard}", heard.whole)
    slowest_s = 30 if mode == "all" else 3
    verdict.expect_within("an answer", heard.seconds, site.profile.s(slowest_s), site.profile)
    return verdict
