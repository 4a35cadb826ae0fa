"""A report about judges as plain text and as Markdown."""

from collections.abc import Iterator

from quorate.analytics.judge_report import (
    LEAST_TASKS,
    ChoiceFigures,
    Gap,
    JudgeFigures,
    JudgeReport,
    PairFigures,
    SelfFigures,
)
from quorate.analytics.report import Rate
from quorate.core.units import format_usd

_NAME_WIDTH = 44
#: What a figure is called, what it is, and what follows from it.
_Row = tuple[str, str, str]


def render_judges(report: JudgeReport) -> str:
    """Return the report as text, ending without a newline."""
    lines = [_heading(report)]
    for judge in report.judges:
        lines += ["", _title(judge)]
        for section, rows in _sections(judge):
            lines += [f"  {section}", *(f"    {name:{_NAME_WIDTH}}{value}{_told(told)}" for name, value, told in rows)]
    return "\n".join([*lines, "", *_notes(report)])


def render_judges_markdown(report: JudgeReport) -> str:
    """Return the report as a Markdown page."""
    lines = [f"# {_heading(report)}"]
    for judge in report.judges:
        lines += ["", f"## {_title(judge)}"]
        for section, rows in _sections(judge):
            lines += ["", f"### {section}", "", "| | | |", "|---|---|---|"]
            lines += [f"| {name} | {value} | {told} |" for name, value, told in rows]
    return "\n".join([*lines, "", *(f"- {note}" for note in _notes(report)), ""])


def _heading(report: JudgeReport) -> str:
    return f"Judges on {report.data}{' (simulated verdicts)' if report.simulated else ''}"


def _title(judge: JudgeFigures) -> str:
    return f"{judge.judge}{' (simulated)' if judge.simulated else ''}"


def _told(text: str) -> str:
    return f"   {text}" if text else ""


def _sections(judge: JudgeFigures) -> Iterator[tuple[str, list[_Row]]]:
    yield f"{judge.calls} calls", _calls(judge)
    if judge.pairs is not None:
        yield f"{judge.pairs.pairs} labelled pairs, each in both orders", _pairs(judge.pairs)
    if judge.choices is not None:
        yield f"{judge.choices.choices} choices among recorded answers, each in both orders", _choices(judge.choices)
    if judge.choices is not None and judge.choices.own is not None:
        own = judge.choices.own
        yield f"its own answers, recorded as {own.model}, in {own.choices} of the choices", _own(own)


def _calls(judge: JudgeFigures) -> list[_Row]:
    return [
        ("replies that give no verdict", _rate(judge.unreadable), ""),
        ("cost", format_usd(judge.cost_microusd), ""),
        ("latency", f"median {judge.median_latency_s:.2f} s, 95th percentile {judge.p95_latency_s:.2f} s", ""),
    ]


def _pairs(pairs: PairFigures) -> list[_Row]:
    auc = "-" if pairs.auc is None else f"{pairs.auc.value:.3f} [{pairs.auc.low:.3f}, {pairs.auc.high:.3f}]"
    return [
        ("found as labelled", _rate(pairs.right), ""),
        ("AUC of the score against the labels", auc, ""),
        ("agreeing pairs found to agree", _rate(pairs.kept), ""),
        ("disagreeing pairs found to agree", _rate(pairs.passed), ""),
        ("verdicts that change with the order", _rate(pairs.changed), _bias("position", pairs.position_bias)),
    ]


def _choices(choices: ChoiceFigures) -> list[_Row]:
    blind = "" if choices.blind_right is None else f"a blind choice: {_percent(choices.blind_right)}"
    return [
        ("right where it could be right or wrong", _rate(choices.right), blind),
        ("choices that change with the order", _rate(choices.changed), ""),
        ("first place, above a blind choice", _gap(choices.first), _bias("position", choices.position_bias)),
        ("longer of two right answers (fair: 50.0%)", _rate(choices.longer), _bias("length", choices.length_bias)),
    ]


def _own(own: SelfFigures) -> list[_Row]:
    decided_by_others = own.preference is not None
    told = _bias("self-preference", own.bias)
    rows = [
        ("chosen when it is right", _rate(own.when_right), _others(own.others_right)),
        ("chosen when it is wrong", _rate(own.when_wrong), _others(own.others_wrong)),
        ("among equals, above a blind choice", _gap(own.among_equals), "" if decided_by_others else told),
    ]
    if decided_by_others:
        rows.append(("the same, above the other judges", _gap(own.preference), told))
    return rows


def _others(rate: Rate | None) -> str:
    return "" if rate is None else f"by the other judges: {_percent(rate.value)}"


def _bias(kind: str, found: bool) -> str:
    return f"{kind} bias" if found else f"no {kind} bias shown"


def _notes(report: JudgeReport) -> list[str]:
    meaning = f"A pair is found to agree at a joint score of {report.threshold:g}. Intervals: 95 %, over tasks."
    return [
        *report.notes,
        meaning,
        f"A bias is named where its interval leaves no doubt and there are {LEAST_TASKS} tasks or more.",
    ]


def _rate(rate: Rate | None) -> str:
    if rate is None:
        return "-"
    return f"{_percent(rate.value)} [{_percent(rate.low)}, {_percent(rate.high)}] n={rate.count}"


def _gap(gap: Gap | None) -> str:
    if gap is None:
        return "-"
    return f"{100 * gap.value:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}] points n={gap.count}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
