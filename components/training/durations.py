"""Durations as people say them."""


def in_words(seconds: float) -> str:
    """`45 s`, `3 min`, `2.5 h`, `3 days`: one or two digits, as a forecast deserves."""
    if seconds < 1:
        return "1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    if hours < 48:
        return f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h"
    return f"{hours / 24:.0f} days"
