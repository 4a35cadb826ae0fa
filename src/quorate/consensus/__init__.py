"""Agreement between replies: answer extraction, pair scores, clusters, and the prompts of judges and synthesisers.

Pure logic over text: no I/O, no clock, no randomness, the same result for the same answers in any order of arrival.
Agreement is not truth: models share errors. It tells how far the replies say the same.
"""

from quorate.consensus.attribution import MAX_PARTS, attribution_messages, parse_attribution, parts_of
from quorate.consensus.clean import Abstention
from quorate.consensus.code import SameCode
from quorate.consensus.extraction import extract
from quorate.consensus.field_vote import Field, FieldVote, JsonAnswer, Rival, json_answer, vote_fields
from quorate.consensus.floor import DEFAULT_FLOOR, below_floor
from quorate.consensus.framing import LabelledAnswer, PromptMessage, labels
from quorate.consensus.judge import (
    grey_pairs,
    pair_judge_messages,
    parse_pair_verdict,
    parse_selection,
    selection_messages,
)
from quorate.consensus.kind import Kind
from quorate.consensus.panel import Panel, agreement
from quorate.consensus.result import Agreement, Answer, Cluster, Pair, Reason
from quorate.consensus.review import Ranking, borda, parse_ranking, ranking_messages
from quorate.consensus.synthesis import Contradiction, SynthesisMethod, open_contradictions, synthesis_messages
from quorate.consensus.tool_call import ToolCallText
from quorate.consensus.verdict import Judgement, PairVerdict, joint_score

__all__ = [
    "DEFAULT_FLOOR",
    "MAX_PARTS",
    "Abstention",
    "Agreement",
    "Answer",
    "Cluster",
    "Contradiction",
    "Field",
    "FieldVote",
    "JsonAnswer",
    "Judgement",
    "Kind",
    "LabelledAnswer",
    "Pair",
    "PairVerdict",
    "Panel",
    "PromptMessage",
    "Ranking",
    "Reason",
    "Rival",
    "SameCode",
    "SynthesisMethod",
    "ToolCallText",
    "agreement",
    "attribution_messages",
    "below_floor",
    "borda",
    "extract",
    "grey_pairs",
    "joint_score",
    "json_answer",
    "labels",
    "open_contradictions",
    "pair_judge_messages",
    "parse_attribution",
    "parse_pair_verdict",
    "parse_ranking",
    "parse_selection",
    "parts_of",
    "ranking_messages",
    "selection_messages",
    "synthesis_messages",
    "vote_fields",
]
