"""What the headers of pictures say; nothing is decoded, and Pillow not needed.

A server has to know the size of each picture before a decoder may allocate memory for it, and
opening each with Pillow would cost 0.1 ms.
"""

import itertools
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

PNG_MAGIC, JPEG_MAGIC, _GIF_MAGIC, _BMP_MAGIC = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"BM",
)

# PNG 3rd edition, 11.2.2: signature, IHDR's length and name, sizes
_PNG_SIZES = struct.Struct(">12x4sII")
_PNG_HEADER = b"IHDR"
_BMP_SIZES = struct.Struct("<18xii")  # file header (14), its length (4), sizes; top-down below 0
_OS2_SIZES = struct.Struct("<18xHH")  # the same of OS/2, whose header has 12 bytes
_OS2_HEADER = b"\x0c\0\0\0"

# An icon: how many there are, then for each where it lies. It is a PNG, or a BMP without the file's
# header and of twice the height, as a mask follows. The sizes beside it are not what decoders obey.
_ICON_MAGIC = b"\0\0\1\0"
_ICON_COUNT = struct.Struct("<4xH")
_ICON_ENTRY = struct.Struct("<12xI")
_ICON_SIZES = struct.Struct("<4xii")

# GIF89a, 18 and 20: the screen; a picture on it. Three bytes for each colour of a table.
_GIF_SCREEN = struct.Struct("<6xHHBxx")
_GIF_PICTURE = struct.Struct("<HHHH")
_GIF_HAS_TABLE, _GIF_TABLE_SIZE = 0x80, 0x07
_GIF_EXTENSION, _GIF_SEPARATOR = 0x21, 0x2C

# JPEG (ITU T.81, B.1.1): a marker is 0xFF, repeated at will, and a code; between the pixels' bytes
# 0xFF00 stands for the value 0xFF, and 0xFFD0 to 0xFFD7 only let a decoder start anew. A pattern
# that starts with a literal is searched for fifty times as fast as one with a `+` behind it.
_JPEG_MARKER = re.compile(rb"\xff([\x01-\xfe])")
_JPEG_MARKER_AFTER_PIXELS = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_JPEG_FRAME = struct.Struct(">2xxHH")  # B.2.2: length, precision, height, width
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Table B.1: Huffman codes, sequential or progressive. Pillow's libjpeg also reads arithmetic codes
# and frames without loss, TensorFlow's does not.
_JPEG_COMMON_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_JPEG_LOSSLESS_FRAMES = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_JPEG_COMMON_PRECISION = 8
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
_JPEG_SCAN_MARKER = bytes([0xFF, _JPEG_SCAN])

_PNG_BITS = 24  # where PNG's header has the bits of a sample

# ISO/IEC 14496-12, 4.3: a length, this, a brand with its version, other brands it conforms to.
_BRANDS_MAGIC, _BRANDS_HEAD = b"ftyp", 16
# ISO/IEC 23008-12, annex B: HEIF whose pictures are HEVC. AVIF's has AV1, and another decoder.
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))


class Segment(NamedTuple):
    """A part of a JPEG file.

    Attributes:
        code: of its marker.
        body: position of what follows the marker.
        is_adjacent: whether it stands right behind the segment before, and the pixels of that.
    """

    code: int
    body: int
    is_adjacent: bool


def count_pixels(data: bytes) -> int:
    """Width x height by the header of a PNG, JPEG, GIF, BMP or ICO; 0 for anything else."""
    width, height = size(data)
    return width * height


def size(data: bytes) -> tuple[int, int]:
    """(width, height) in pixels, which a decoder will allocate memory for.

    Args:
        data: a whole PNG, JPEG, GIF, BMP or ICO file, among which are all that TensorFlow decodes.
            Of any other, or one that ends before its sizes, (0, 0) is returned.
    """
    try:
        if data.startswith(JPEG_MAGIC):
            return _jpeg_size(data)
        if data.startswith(PNG_MAGIC):
            return _png_size(data, 0)
        if data.startswith(_GIF_MAGIC):
            return _gif_size(data)
        if data.startswith(_BMP_MAGIC):
            layout = _OS2_SIZES if data[14:18] == _OS2_HEADER else _BMP_SIZES
            width, height = layout.unpack_from(data)
            return abs(width), abs(height)
        if data.startswith(_ICON_MAGIC):
            return _icon_size(data)
    except (struct.error, IndexError):  # it ends too early
        pass
    return 0, 0


def has_more_scans(data: bytes, most: int) -> bool:
    """Whether a JPEG file draws its pixels more often than `most` times; not so for other formats.

    Each scan costs a decoder a walk over all pixels, even one that holds next to no bytes.
    """
    # What looks like a marker may be a part of a comment, a thumbnail or a film behind the picture:
    # only where there are so many is a closer look needed.
    if not data.startswith(JPEG_MAGIC) or data.count(_JPEG_SCAN_MARKER) <= most:
        return False
    scans = (segment for segment in jpeg_segments(data) if segment.code == _JPEG_SCAN)
    return next(itertools.islice(scans, most, None), None) is not None


def is_regular_jpeg(data: bytes) -> bool:
    """Whether it is of a common kind, with markers and segments as they must be up to the end one.

    Pillow reads other kinds, and forgives what makes TensorFlow refuse a file, such as a missing
    end.

    Args:
        data: a whole file, which starts as a JPEG does.
    """
    for segment in jpeg_segments(data):
        if not segment.is_adjacent or segment.code in _JPEG_WITHOUT_LENGTH:
            return False
        if segment.code in _JPEG_FRAMES and not _is_common_frame(data, segment):
            return False
        if segment.code == _JPEG_END:
            return True
    return False


def is_lossless_jpeg(data: bytes) -> bool:
    """Whether a JPEG file keeps each pixel as it was, which only few programs write."""
    frames = (s.code for s in jpeg_segments(data) if s.code in _JPEG_FRAMES)
    return next(frames, 0) in _JPEG_LOSSLESS_FRAMES


def is_heic(data: bytes) -> bool:
    """Whether it is what phones write as .heic."""
    if data[4:8] != _BRANDS_MAGIC:
        return False
    end = min(int.from_bytes(data[:4], "big"), len(data))
    brands = {data[8:12], *(data[at : at + 4] for at in range(_BRANDS_HEAD, end - 3, 4))}
    return bool(brands & _HEIC_BRANDS)


def png_bits(data: bytes) -> int:
    """Bits of a sample in a PNG file with its whole header: 1, 2, 4, 8 or 16; 0 for any other."""
    return data[_PNG_BITS] if data.startswith(PNG_MAGIC) else 0


def jpeg_segments(data: bytes) -> Iterator[Segment]:
    """The segments behind the start marker, up to the end marker or the end of the data.

    Like libjpeg, on which Pillow and TensorFlow rely, this passes over anything between them.
    """
    position = 2
    while marker := _JPEG_MARKER.search(data, position):
        code, body = marker[1][0], marker.end()
        yield Segment(code, body, not data[position : marker.start()].strip(b"\xff"))
        if code == _JPEG_END:
            return
        position = body
        if code not in _JPEG_WITHOUT_LENGTH:
            position += max(2, int.from_bytes(data[body : body + 2], "big"))
        if code == _JPEG_SCAN:
            following = _JPEG_MARKER_AFTER_PIXELS.search(data, position)
            if following is None:
                return
            position = following.start()


def _is_common_frame(data: bytes, segment: Segment) -> bool:
    precision = data[segment.body + 2 : segment.body + 3]
    return segment.code in _JPEG_COMMON_FRAMES and precision == bytes([_JPEG_COMMON_PRECISION])


def _png_size(data: bytes, start: int) -> tuple[int, int]:
    """By the header, where that is the first chunk; decoders differ in what they make of others."""
    name, width, height = _PNG_SIZES.unpack_from(data, start)
    return (width, height) if name == _PNG_HEADER else (0, 0)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    for segment in jpeg_segments(data):
        if segment.code in _JPEG_FRAMES:
            height, width = _JPEG_FRAME.unpack_from(data, segment.body)
            return width, height
        if segment.code == _JPEG_SCAN:
            break  # pixels of no frame, which no decoder takes
    return 0, 0


def _gif_size(data: bytes) -> tuple[int, int]:
    """The screen, widened for its first picture: decoders allocate memory for both."""
    width, height, flags = _GIF_SCREEN.unpack_from(data)
    position = _GIF_SCREEN.size
    if flags & _GIF_HAS_TABLE:
        position += 3 << ((flags & _GIF_TABLE_SIZE) + 1)
    while position < len(data) and data[position] == _GIF_EXTENSION:
        position += 2  # with its label; what follows are blocks with their lengths, the last is 0
        while data[position]:
            position += data[position] + 1
        position += 1
    if data[position] == _GIF_SEPARATOR:
        left, top, picture_width, picture_height = _GIF_PICTURE.unpack_from(data, position + 1)
        return max(width, left + picture_width), max(height, top + picture_height)
    return width, height


def _icon_size(data: bytes) -> tuple[int, int]:
    """Of its largest picture."""
    sizes = [(0, 0)]
    (count,) = _ICON_COUNT.unpack_from(data)
    for index in range(count):
        at = _ICON_COUNT.size + index * _ICON_ENTRY.size
        (start,) = _ICON_ENTRY.unpack_from(data, at)
        if data.startswith(PNG_MAGIC, start):
            sizes.append(_png_size(data, start))
        else:
            width, height = _ICON_SIZES.unpack_from(data, start)
            sizes.append((abs(width), abs(height) // 2))
    return max(sizes, key=lambda one: one[0] * one[1])
