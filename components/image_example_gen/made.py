"""What became of each listed picture, written down beside the examples: the next ingest reads it.

A *record* is a serialised example; it lies in the records file of its shard and split, in the order
of the pictures.
"""

from collections.abc import Iterable, Iterator

import msgspec
import tensorflow as tf

from components.image_example_gen.outcomes import AcceptedFile, RejectedFile

FILE = "pictures.jsonl"
_FORM = 1


class Made(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A picture's outcome, and what it was made of.

    Attributes:
        label: of the listed picture, as all that follows.
        size: bytes.
        mtime_ns: see `ListedPicture`.
        content: SHA-256 of the bytes that were read; empty where they could not be.
        accepted: what became of it,
        rejected: or why nothing did; one of the two is there.
        written: the split in which its record lies; empty for none.
        checksum: CRC-32 of its record.
    """

    label: str
    size: int
    mtime_ns: int
    content: str
    accepted: AcceptedFile | None = None
    rejected: RejectedFile | None = None
    written: str = ""
    checksum: int = 0

    @property
    def outcome(self) -> AcceptedFile | RejectedFile:
        """The one that is there."""
        outcome = self.accepted or self.rejected
        assert outcome is not None
        return outcome

    @property
    def name(self) -> tuple[str, str]:
        """Tells it from all others: the file's storable name and its label."""
        return self.outcome.filename, self.label


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of the file.

    Attributes:
        maker: what else decides what becomes of a picture; see `earlier.maker`.
        path: the data folder.
        shards: how many pictures each shard has.
        form: of the file.
    """

    maker: str
    path: str
    shards: list[int]
    form: int = _FORM


def write(place: str, made: Iterable[Made]) -> None:
    """Writes a line of JSON for each."""
    encode = msgspec.json.Encoder().encode
    with tf.io.gfile.GFile(place, "wb") as file:
        file.write(b"".join(encode(one) + b"\n" for one in made))  # makes the file for none, too


def read(place: str) -> Iterator[Made]:
    """What `write` has written.

    Raises:
        msgspec.MsgspecError: it is damaged.
        tf.errors.OpError: it cannot be read.
    """
    decode = msgspec.json.Decoder(Made).decode
    with tf.io.gfile.GFile(place, "rb") as file:
        yield from map(decode, file.read().splitlines())


def write_index(folder: str, head: Head, made: Iterable[Made]) -> None:
    """Writes the file that `read_index` reads, whole or not at all.

    Args:
        folder: of the examples.
        head: what holds for all.
        made: in the order of the shards, and of the pictures in them.
    """
    place = tf.io.gfile.join(folder, FILE)
    encode = msgspec.json.Encoder().encode
    with tf.io.gfile.GFile(f"{place}.unfinished", "wb") as file:
        file.write(encode(head) + b"\n")
        for one in made:
            file.write(encode(one) + b"\n")
    tf.io.gfile.rename(f"{place}.unfinished", place, overwrite=True)


def read_head(folder: str) -> Head | None:
    """The first line; None where there is none, or one of another form."""
    try:
        with tf.io.gfile.GFile(tf.io.gfile.join(folder, FILE), "rb") as file:
            head = msgspec.json.decode(file.readline(), type=Head)
    except (tf.errors.OpError, OSError, msgspec.MsgspecError):
        return None
    return head if head.form == _FORM else None


def read_index(folder: str) -> list[Made]:
    """All lines but the first; empty where one is damaged."""
    decode = msgspec.json.Decoder(Made).decode
    try:
        with tf.io.gfile.GFile(tf.io.gfile.join(folder, FILE), "rb") as file:
            _, *lines = file.read().splitlines()
        return list(map(decode, lines))
    except (tf.errors.OpError, OSError, ValueError, msgspec.MsgspecError):
        return []
