"""What a model's scores should be divided by, and below which score it should not answer."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

# Guo et al. 2017, "On Calibration of Modern Neural Networks", find 1 to 5 in networks that are too
# sure; beyond these bounds scores are all but 0 and 1, or all but equal.
_LOWEST, _HIGHEST = 0.05, 20.0


def temperature(scores: np.ndarray, truth: np.ndarray) -> float | None:
    """The temperature with the smallest cross-entropy (Guo et al. 2017, temperature scaling).

    Args:
        scores: (pictures, classes) float32, softmax at temperature 1; at least one picture.
        truth: (pictures,) int, the column of each picture's class.

    Returns:
        None where every picture is right: the surer, the better it would look.
    """
    if (scores.argmax(axis=1) == truth).all():
        return None
    logits = np.log(np.maximum(scores.astype(np.float64), np.finfo(np.float32).tiny))
    rows = np.arange(len(truth))

    def cross_entropy(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float((special.logsumexp(scaled, axis=1) - scaled[rows, truth]).mean())

    found = optimize.minimize_scalar(
        cross_entropy, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded"
    )
    return float(f"{np.exp(found.x):.4g}")


def tempered(scores: np.ndarray, by: float) -> np.ndarray:
    """The scores (pictures, classes) float32 as they are at another temperature."""
    logits = np.log(np.maximum(scores.astype(np.float64), np.finfo(np.float32).tiny))
    return special.softmax(logits / by, axis=1).astype(np.float32)


def threshold(best: np.ndarray, is_right: np.ndarray, precision: float) -> float | None:
    """The lowest score at which the answers above it are right often enough.

    Args:
        best: (pictures,) float32, the best score of each.
        is_right: (pictures,) bool, whether it is that of the picture's class.
        precision: share of right answers that is wanted among those that are given.

    Returns:
        Halfway between two scores, 0 where all may be answered, None where no score does it.
    """
    order = np.argsort(-best, kind="stable")
    ordered = best[order]
    shares = np.cumsum(is_right[order]) / np.arange(1, len(order) + 1)
    # Equal scores are answered together, or not at all.
    ends = np.append(ordered[:-1] != ordered[1:], True)
    enough = np.flatnonzero(ends & (shares >= precision - 1e-9))
    if not enough.size:
        return None
    last = int(enough[-1])
    if last == len(order) - 1:
        return 0.0
    above, below = ordered[last], ordered[last + 1]
    halfway = np.float32((float(above) + float(below)) / 2)
    return float(halfway if halfway > below else above)
