"""What every benchmark knows of the project it measures."""

from pathlib import Path

from bitpipe.errors import BitpipeError

ROOT = Path(__file__).resolve().parents[2]


class BenchmarkError(BitpipeError):
    """The comparison cannot be made, or would not be of equals."""
