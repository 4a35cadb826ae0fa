"""From how often a model was right to its vote."""

import math

from quorate.consensus.logistic import log_odds
from quorate.consensus.trust import TrackRecord

#: What is believed of a model before any answer of it was checked, as if so many had been: right somewhat more than
#: half the time. A record of ten answers already counts for more.
PRIOR = TrackRecord(right=3.0, total=5.0)
#: So many wrong answers are likely: two models that are both wrong agree in about one case of three, not one of nine
#: (MMLU-Pro, all pairs: 37 %), because they share errors.
WRONG_ANSWERS = 3
LEAST_VOTE, MOST_VOTE = 0.1, 5.0
_SPREAD = math.log(WRONG_ANSWERS)


def accuracy(record: TrackRecord | None, prior: TrackRecord = PRIOR) -> float:
    """Return the probability that a model's next answer is right: the mean of a Beta posterior, never 0 or 1."""
    right, total = (record.right, record.total) if record is not None else (0.0, 0.0)
    return (right + prior.right) / (total + prior.total)


def vote_weight(record: TrackRecord | None, prior: TrackRecord = PRIOR) -> float:
    """Return the vote of a model with this record, in [0.1, 5].

    It is the logarithm of how many times more often the model gives the right answer than a certain wrong one.
    Adding such votes chooses the answer that is most likely right, were the models independent (naive Bayes; Nitzan and
    Paroush 1982 for two answers). They are not: members of one vendor count less where they agree
    (`quorate.consensus.votes`), and the limits keep one model from deciding alone. Nobody votes against an answer.
    """
    return min(max(log_odds(accuracy(record, prior)) + _SPREAD, LEAST_VOTE), MOST_VOTE)
