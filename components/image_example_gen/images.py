"""From a picture file to a `tf.train.Example`; TensorFlow and Pillow, no TFX and no Beam."""

import ctypes
import hashlib
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from bitpipe import cores
from bitpipe.errors import UnreadablePictureError
from bitpipe.names import storable
from bitpipe.pictures.decoder import count_pixels
from bitpipe.pictures.limits import MAX_PIXELS
from bitpipe.pictures.normalise import normalise
from bitpipe.stores.store import UNREADABLE
from components import decoding, features
from components.image_example_gen import room
from components.image_example_gen.appearance import is_single_colour
from components.image_example_gen.listing import ListedPicture
from components.image_example_gen.looks import look
from components.image_example_gen.room import Room
from components.image_example_gen.sources import registry

# Pillow and TensorFlow release the GIL while they decode.
THREADS = min(cores.available(), 16)

_CAMERA_PIXELS = 25_000_000
# Of all pictures that are decoded at a time: a camera's for each thread, and at least the largest
# that is accepted by default. At its worst a pixel takes 16 bytes for a while.
_ROOM = Room(max(MAX_PIXELS, THREADS * _CAMERA_PIXELS))


class RejectedImageError(Exception):
    """A file that cannot become an example.

    Args:
        reason: in words, for the user; the message.
        kind: the same, to be counted by.
    """

    def __init__(self, reason: str, kind: str = "damaged") -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that training and serving can decode; the fields bear the features' names."""

    filename: str
    label: str
    image: bytes  # JPEG or PNG, upright
    height: int
    width: int
    sha256: str
    changed: bool  # whether `image` differs from the file's own bytes
    look: str = ""  # see `looks.look`
    single_colour: bool = False


def read_image(
    path: str,
    picture: ListedPicture,
    max_pixels: int,
    *,
    allow_truncated: bool = False,
    longest_side: int = 0,
) -> Image:
    """`read` and `convert`."""
    return convert(
        read(path, picture),
        picture,
        max_pixels,
        allow_truncated=allow_truncated,
        longest_side=longest_side,
    )


def read(path: str, picture: ListedPicture) -> bytes:
    """Reads a picture of the data folder `path`; RejectedImageError where its file is to blame."""
    try:
        return registry.by_name(picture.source).read(path, picture)
    # Anything else (a store that is down, a full disk) is raised: better a retry, or a failed run,
    # than a data set that silently lost pictures.
    except UNREADABLE as error:
        raise RejectedImageError(
            f"cannot be opened: {error.strerror or error}", "unreadable"
        ) from None


def convert(
    data: bytes,
    picture: ListedPicture,
    max_pixels: int,
    *,
    allow_truncated: bool = False,
    longest_side: int = 0,
) -> Image:
    """Makes a picture what the model will see, and proves that TensorFlow can decode it.

    Pillow's verdict is not enough: one picture that `tf.io.decode_image` refuses would end a whole
    Transform or training run, so each is decoded once here, by the decoder of training and serving.

    Raises:
        RejectedImageError: with the reason, when the file cannot become an example.
    """
    pixels = count_pixels(data)
    with _ROOM.take(pixels), room.turn(pixels > _CAMERA_PIXELS):
        try:
            return _convert(data, picture, max_pixels, allow_truncated, longest_side)
        finally:
            if pixels > _CAMERA_PIXELS:
                _give_memory_back()


def _give_memory_back() -> None:
    """Returns to the system what was freed; glibc keeps it for the thread that had it.

    Four pictures of 100 megapixels on four threads, one at a time, kept 2.8 GB.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone
    if trim is not None:
        trim(0)


def _convert(
    data: bytes, picture: ListedPicture, max_pixels: int, allow_truncated: bool, longest_side: int
) -> Image:
    try:
        upright = normalise(
            data,
            max_pixels=max_pixels,
            allow_truncated=allow_truncated,
            longest_side=longest_side,
        )
    except UnreadablePictureError as error:
        raise RejectedImageError(error.reason, error.kind) from None
    pixels = decode(upright.data)
    if pixels.shape != (upright.height, upright.width, 3):
        raise RejectedImageError(
            f"TensorFlow decodes it to the shape {pixels.shape}, "
            f"Pillow to {upright.height} x {upright.width} pixels"
        )
    return Image(
        filename=storable(picture.path),
        label=picture.label,
        image=upright.data,
        height=upright.height,
        width=upright.width,
        sha256=pixel_digest(pixels),
        changed=upright.changed,
        look=look(pixels),
        single_colour=is_single_colour(pixels),
    )


def decode(data: bytes) -> np.ndarray:
    """Decodes an encoded picture to (H, W, 3) uint8 exactly as training and serving do."""
    try:
        # An accelerator has no decoder, and its memory belongs to the trainer.
        with tf.device("/cpu:0"):
            return np.asarray(decoding.decode_bytes(data))  # unlike `.numpy()` no copy
    except tf.errors.InvalidArgumentError as error:
        # The message opens with the graph node and ends with the operation: of no use to a user.
        message = error.message.split("}} ")[-1].split(" [Op:")[0]
        raise RejectedImageError(f"TensorFlow cannot decode it: {message}") from None


def pixel_digest(pixels: np.ndarray) -> str:
    """SHA-256 of what the model will see: the shape and the decoded, upright pixels.

    The bytes of the file would not do: a copy with other metadata, or saved as another lossless
    format, is the same picture, and with one copy in training the other is no fair examination. A
    picture compressed again with loss has other pixels and counts as another picture.

    Args:
        pixels: (H, W, 3) uint8.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(np.array(pixels.shape, dtype="<i8").tobytes())
    digest.update(np.ascontiguousarray(pixels).reshape(-1).data)  # no copy of what a decoder gives
    return digest.hexdigest()


def to_example(image: Image) -> tf.train.Example:
    """The example of `components.features`, each feature with exactly one value."""
    values: dict[str, bytes | int] = {
        features.IMAGE: image.image,
        features.HEIGHT: image.height,
        features.WIDTH: image.width,
        features.AREA: image.height * image.width,
        features.SHA256: image.sha256.encode(),
        features.FILENAME: image.filename.encode(),
        features.LABEL: image.label.encode(),
    }
    return tf.train.Example(
        features=tf.train.Features(feature={name: _feature(v) for name, v in values.items()})
    )


def _feature(value: bytes | int) -> tf.train.Feature:
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
