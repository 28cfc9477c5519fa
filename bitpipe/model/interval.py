"""How sure a share of right answers is, from counts alone."""

import math

# Standard normal quantile of 97.5%: two-sided intervals of 95%.
_Z = 1.959963984540054


def wilson(share: float, number: int) -> tuple[float, float]:
    """Wilson's score interval of 95% for a share, which stays within [0, 1] however few there are.

    E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.

    Args:
        share: of `number` trials that succeeded, 0 to 1.
        number: trials, at least 1.

    Returns:
        The lower and the upper end.
    """
    scale = 1 + _Z**2 / number
    middle = (share + _Z**2 / (2 * number)) / scale
    half = _Z * math.sqrt(share * (1 - share) / number + _Z**2 / (4 * number**2)) / scale
    # At 0 and 1 the bound is that value, but for rounding.
    low = 0.0 if share <= 0 else max(0.0, middle - half)
    high = 1.0 if share >= 1 else min(1.0, middle + half)
    return low, high


def difference(
    first: float, first_number: int, second: float, second_number: int
) -> tuple[float, float]:
    """Newcombe's interval of 95% for `second - first`, of shares that were counted apart.

    R. G. Newcombe, Interval estimation for the difference between independent proportions, 1998,
    method 10. Where both were counted on the same trials it is wider than need be.

    Args:
        first: share of `first_number`, 0 to 1.
        first_number: trials, at least 1.
        second: share of `second_number`, 0 to 1.
        second_number: trials, at least 1.
    """
    first_low, first_high = wilson(first, first_number)
    second_low, second_high = wilson(second, second_number)
    change = second - first
    below = math.hypot(second - second_low, first_high - first)
    above = math.hypot(second_high - second, first - first_low)
    return change - below, change + above
