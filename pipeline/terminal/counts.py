"""What the commands that answer pictures say when they end."""

from __future__ import annotations

from bitpipe.wording import counted


def done(answered: int, failed: int, earlier: int, out: object) -> str:
    """All is answered; `earlier` answers were there before."""
    before = f", {earlier} of them by earlier runs" if earlier else ""
    return f"{counted(answered, 'picture')} ({failed} failed{before}) in {out}"


def stopped(error: BaseException, answers: str, out: object) -> str:
    """Ctrl-C or an error has ended it; `answers` says how many are there."""
    what = "Interrupted" if isinstance(error, KeyboardInterrupt) else "Stopped"
    return f"{what}: {answers} are in {out}. The same command with --resume goes on from there."
