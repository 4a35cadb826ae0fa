"""How sure it is that the leader stays ahead: what early stopping goes by."""

import math
from collections.abc import Sequence

from quorate.consensus.accuracy import WRONG_ANSWERS
from quorate.consensus.logistic import log_odds
from quorate.consensus.votes import Vote, votes


def posterior(clusters: Sequence[Sequence[tuple[float, str]]]) -> float:
    """Return the probability that the first cluster's answer is right, given each member's accuracy and family.

    Naive Bayes: an answer is the more likely the more accurate those are who give it; wrong answers scatter over a few
    that are equally likely, those that nobody gave included. It takes errors for independent but for families, whose
    members count 1, 1/2, 1/3, ...; so it is for deciding when to stop, not for telling anybody (ECE .2 on exams).
    """
    support = [
        math.fsum(
            votes(Vote(weight=log_odds(accuracy) + math.log(WRONG_ANSWERS), family=family) for accuracy, family in part)
        )
        for part in clusters
    ]
    unheard = max(WRONG_ANSWERS + 1 - len(clusters), 0)
    highest = max(*support, 0.0)
    total = math.fsum(math.exp(value - highest) for value in support) + unheard * math.exp(-highest)
    return math.exp(support[0] - highest) / total


def lead_probability(leader: int, runner_up: int) -> float:
    """Return the probability that more than half of all further votes between the two go to the leader.

    It is that of Beta(leader + 1, runner_up + 1) above one half: the stopping rule of Adaptive-Consistency (Aggarwal et
    al. 2023), which takes every vote for a draw from one and the same model.
    """
    count = leader + runner_up + 1
    return sum(math.comb(count, heads) for heads in range(leader + 1)) / 2**count
