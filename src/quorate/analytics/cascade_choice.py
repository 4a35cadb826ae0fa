"""Which of the recorded models make a cascade: the best one behind the best two that are far cheaper."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from quorate.analytics.cascade_cases import Half, answer_is_right, cost_of, in_half
from quorate.analytics.recorded_costs import RecordedCosts
from quorate.core.errors import InvalidRequest
from quorate.providers.recorded import Recording

#: A cheap model costs at most this share of what the strong one does: two are asked about every prompt.
CHEAP_SHARE = 0.25
_CHEAP_MODELS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeChoice:
    """The models of the two stages."""

    cheap: tuple[str, ...]
    strong: str


def choose_models(
    recordings: Iterable[Recording],
    costs: RecordedCosts,
    *,
    track: str | None = None,
    half: Half | None = None,
    progress: Callable[[int], None] | None = None,
) -> CascadeChoice:
    """Return the model that is right most often, and two that cost a quarter of it at most.

    Of those the two whose share of right answers is most above their share of its cost: a point of one is worth a point
    of the other.

    `track` and `half` choose some of the recordings. Raises `InvalidRequest` where that cannot be told: several tracks,
    costs that are not recorded, fewer than two cheap models. Cost: no network; reads the recordings once.
    """
    right: defaultdict[str, list[bool]] = defaultdict(list)
    spent: defaultdict[str, list[float]] = defaultdict(list)
    tracks: set[str] = set()
    for number, recording in enumerate(recordings, 1):
        if progress is not None:
            progress(number)
        if (track is not None and recording.track != track) or not in_half(recording.prompt_id, half):
            continue
        tracks.add(recording.track)
        for answer in recording.answers:
            found, cost = answer_is_right(recording, answer), cost_of(recording, answer, costs)
            if found is not None:
                right[answer.model].append(found)
            if cost is not None:
                spent[answer.model].append(cost)
    if len(tracks) > 1:
        raise InvalidRequest(
            f"the recordings are of several tracks ({', '.join(sorted(tracks))}), whose models differ; choose one with"
            " --track, or name the models with --cheap and --strong",
            param="track",
        )
    return _choice(
        {model: fmean(each) for model, each in right.items()}, {model: fmean(each) for model, each in spent.items()}
    )


def _choice(accuracies: Mapping[str, float], costs: Mapping[str, float]) -> CascadeChoice:
    known = [model for model in accuracies if model in costs]
    best_first = sorted(known, key=lambda model: (-accuracies[model], costs[model], model))
    if not best_first:
        raise InvalidRequest(
            "which models are cheap is not recorded; name them with --cheap and --strong, or give costs with --costs"
            f" (models: {', '.join(sorted(accuracies)) or 'none'})",
            param="cheap",
        )
    strong = best_first[0]
    affordable = [model for model in best_first[1:] if costs[model] <= CHEAP_SHARE * costs[strong]]
    worth = {model: accuracies[model] - costs[model] / costs[strong] for model in affordable if costs[strong] > 0}
    cheap = sorted(worth, key=lambda model: -worth[model])[:_CHEAP_MODELS]
    if len(cheap) < _CHEAP_MODELS:
        raise InvalidRequest(
            f"fewer than two models cost a quarter of what {strong} does, which is right most often; name the models"
            f" with --cheap and --strong (models: {', '.join(best_first)})",
            param="cheap",
        )
    return CascadeChoice(cheap=tuple(cheap), strong=strong)
