"""What the serving check has to say, kept beside its blessing: `serving_check.json`."""

from __future__ import annotations

import msgspec
from tfx.dsl.io import fileio

from components import kept_json

FILE = "serving_check.json"


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """How a server did with a candidate.

    Attributes:
        blessed: whether the model may be pushed.
        server: which one was asked, in words.
        objections: a sentence for each thing that speaks against the model.
        sentences: what was found besides.
        pictures: how many were sent over each protocol.
        load_s: from the start of the server to a loaded and warmed up model; None where it never
            was.
        first_ms: of the first request for a picture over gRPC.
        latency_ms: the median of the others, one picture each.
        largest_difference: of a score from the Trainer's.
        request: the one that was answered wrongly, or too late, in words.
        log: the last lines of the server's, where it did not do.
    """

    blessed: bool
    server: str
    objections: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    pictures: int = 0
    load_s: float | None = None
    first_ms: float | None = None
    latency_ms: float | None = None
    largest_difference: float | None = None
    request: str | None = None
    log: tuple[str, ...] = ()

    @property
    def all_sentences(self) -> tuple[str, ...]:
        """All of it but the log, what speaks against the model first."""
        request = (f"the request: {self.request}",) if self.request else ()
        return (*self.objections, *request, *self.sentences)


def write(uri: str, said: Said) -> None:
    """Writes it into the artifact at `uri`."""
    fileio.makedirs(uri)
    kept_json.write(uri, FILE, said)


def read(uri: str) -> Said | None:
    """Reads it from the artifact at `uri`; None for a blessing of TFX's InfraValidator."""
    return kept_json.read_if_there(uri, FILE, Said)
