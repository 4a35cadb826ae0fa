"""Logistic regression with a ridge penalty, small enough to need no library.

For evaluations: thousands of cases, in numpy. `consensus/logistic.py` fits a handful inside a gateway, which starts
without numpy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_STEPS = 50
_CONVERGED = 1e-8
#: Keeps the curvature positive where a fit is certain.
_LEAST_CURVATURE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic:
    """Log-odds: `intercept` plus `weights` (shape (features,)) times the features."""

    intercept: float
    weights: NDArray[np.float64]

    def probability(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability for each row of `features`, shape (rows, features)."""
        return _logistic(features @ self.weights + self.intercept)


def fit_logistic(features: NDArray[np.float64], right: NDArray[np.bool_], *, ridge: float) -> Logistic:
    """Return the fit of `right` (shape (rows,)) to standardised `features`; the intercept has no penalty.

    Newton's method (iteratively reweighted least squares; le Cessie and van Houwelingen 1992 for the ridge), which
    converges for any data because of the penalty, all right or all wrong included. Cost: under 10 ms for 5,000 rows of
    30.
    """
    rows = np.hstack([np.ones((len(features), 1)), features])
    penalty = np.full(rows.shape[1], ridge)
    penalty[0] = _LEAST_CURVATURE
    # Half a count of each kind: with all right or all wrong the intercept would have no end.
    target = np.clip(right.astype(np.float64), 0.5 / len(rows), 1 - 0.5 / len(rows))
    weights = np.zeros(rows.shape[1])
    for _ in range(_MOST_STEPS):
        found = _logistic(rows @ weights)
        slope = rows.T @ (found - target) + penalty * weights
        curve = (rows * (found * (1 - found) + _LEAST_CURVATURE)[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        weights = weights - step
        if np.abs(step).max() < _CONVERGED:
            break
    return Logistic(intercept=float(weights[0]), weights=weights[1:])


def _logistic(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
