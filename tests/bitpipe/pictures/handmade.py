"""Files that Pillow reads and does not write, byte by byte."""

import struct
import zlib
from collections.abc import Iterable

import numpy as np

# Colorants on D50 and gamma of Adobe RGB (1998), annex C, and of sRGB (IEC 61966-2-1).
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
ADOBE_GAMMA = 563 / 256
_SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
_D50 = (0.9642, 1.0, 0.8249)


def png(
    pixels: np.ndarray, bits: int, kind: int, chunks: Iterable[tuple[bytes, bytes]] = ()
) -> bytes:
    """A PNG of rows (H, bytes) uint8 that are packed already; `kind` is its colour type."""
    width = pixels.shape[1] * 8 // (bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind])
    sizes = struct.pack(">IIBBBBB", width, len(pixels), bits, kind, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels), 1)
    return _png_of((b"IHDR", sizes), *chunks, (b"IDAT", rows), (b"IEND", b""))


def grey_tiff(
    samples: np.ndarray, *, bits: int = 16, big: bool = False, white_is_zero: bool = False,
    max_sample: int | None = None,
) -> bytes:  # fmt: skip
    """A TIFF of one strip; samples (H, W) uint16, packed by 12 bits where `bits` says so."""
    order = ">" if big else "<"
    if bits == 12:
        one, other = samples.ravel()[::2], samples.ravel()[1::2]
        packed = np.stack([one >> 4, (one & 15) << 4 | other >> 8, other & 255], 1)
        strip = packed.astype(np.uint8).tobytes()
    else:
        strip = samples.astype(f"{order}u2").tobytes()
    height, width = samples.shape
    tags = {
        **{256: width, 257: height, 258: bits, 259: 1, 262: 0 if white_is_zero else 1, 273: 8},
        **{277: 1, 278: height, 279: len(strip)},
        **({} if max_sample is None else {281: max_sample}),
    }
    tags[273] = 8
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, 4, 1) + struct.pack(f"{order}I", value)
        if tag in (273, 279)
        else struct.pack(f"{order}HHIHxx", tag, 3, 1, value)
        for tag, value in sorted(tags.items())
    )
    head = (b"MM\0*" if big else b"II*\0") + struct.pack(f"{order}I", 8 + len(strip))
    return head + strip + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def lossless_jpeg(pixels: np.ndarray) -> bytes:
    """Of grey pixels (H, W) uint8; predictor 1, ITU T.81 annex H."""
    height, width = pixels.shape
    grey = pixels.astype(int)
    before = np.empty_like(grey)
    before[:, 1:] = grey[:, :-1]
    before[1:, 0] = grey[:-1, 0]
    before[0, 0] = 128
    bits = []
    for value in (grey - before).ravel().tolist():
        size = abs(value).bit_length()
        # Sizes 0 to 8 have codes of 4 bits, their own value.
        bits.append(f"{size:04b}")
        if size:
            bits.append(f"{value if value > 0 else value + (1 << size) - 1:0{size}b}")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    coded = bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    segments = (
        (0xC3, struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)),
        (0xC4, bytes([0, *([0] * 3), 9, *([0] * 12), *range(9)])),
        (0xDA, bytes([1, 1, 0, 1, 0, 0])),
    )
    head = b"".join(_segment(code, body) for code, body in segments)
    return b"\xff\xd8" + head + coded.replace(b"\xff", b"\xff\0") + b"\xff\xd9"


# What ITU T.81's arithmetic coder writes, from its first state on, for the DC coefficient of a
# block, and for a block without AC coefficients.
_ARITHMETIC_DC = {-7: b"\xfd", -4: b"\xf8", -2: b"\xea", 0: b"", 1: b"\xa6", 3: b"\xc8", 7: b"\xd0"}
_ARITHMETIC_END = b"\xc0"
_DC_STEP = 128  # 16 grey levels


def arithmetic_jpeg(levels: np.ndarray) -> bytes:
    """Of blocks of one grey each, 128 + 16 * levels (rows, columns); progressive, two scans.

    The coder starts anew at each block (restart interval 1), so that a block's code stands alone.
    """
    rows, columns = levels.shape
    dc = [_ARITHMETIC_DC[level] for level in levels.ravel().tolist()]
    head = (
        (0xDB, bytes([0, _DC_STEP, *([1] * 63)])),
        (0xCA, struct.pack(">BHHBBBB", 8, 8 * rows, 8 * columns, 1, 1, 0x11, 0)),
        (0xDD, struct.pack(">H", 1)),
    )
    scans = (((0, 0), dc), ((1, 63), [_ARITHMETIC_END] * len(dc)))
    data = b"\xff\xd8" + b"".join(_segment(code, body) for code, body in head)
    for (first, last), blocks in scans:
        data += _segment(0xDA, bytes([1, 1, 0, first, last, 0]))
        for number, block in enumerate(blocks):
            data += (bytes([0xFF, 0xD0 + (number - 1) % 8]) if number else b"") + block
    return data + b"\xff\xd9"


def _segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(body) + 2) + body


def interlaced_png(pixels: np.ndarray) -> bytes:
    """Adam7 (PNG 3rd edition, 8.1) of RGB pixels (H, W, 3) uint8."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4))
    passes += ((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, right in passes
        for row in pixels[top::down, left::right]
    )
    height, width, _ = pixels.shape
    sizes = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    return _png_of((b"IHDR", sizes), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def _png_of(*parts: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def tiled_tiff(pixels: np.ndarray, side: int = 16) -> bytes:
    """A TIFF of tiles (TIFF 6.0, section 15) of RGB pixels (H, W, 3) uint8, which it pads."""
    height, width, _ = pixels.shape
    padded = np.pad(pixels, ((0, -height % side), (0, -width % side), (0, 0)))
    tiles = [
        padded[top : top + side, left : left + side].tobytes()
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]
    size, number = len(tiles[0]), len(tiles)
    at = 8 + size * number
    arrays = struct.pack(f"<3H{number}I{number}I", 8, 8, 8, *range(8, at, size), *[size] * number)
    tags = {
        **{256: (4, 1, width), 257: (4, 1, height), 258: (3, 3, at), 259: (3, 1, 1)},
        **{262: (3, 1, 2), 277: (3, 1, 3), 322: (4, 1, side), 323: (4, 1, side)},
        **{324: (4, number, at + 6), 325: (4, number, at + 6 + 4 * number)},
    }
    entries = b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(tags.items()))
    head = b"II*\0" + struct.pack("<I", at + len(arrays))
    return head + b"".join(tiles) + arrays + struct.pack("<H", len(tags)) + entries + bytes(4)


def rgb_profile(colorants=ADOBE_RGB, gamma: float = ADOBE_GAMMA) -> bytes:
    """An ICC profile of a matrix and a gamma."""
    tags = {f"{name}XYZ": _xyz(xyz) for name, xyz in zip("rgb", colorants, strict=True)}
    return _profile(b"RGB ", {**tags, **dict.fromkeys(("rTRC", "gTRC", "bTRC"), _gamma(gamma))})


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of a gamma."""
    return _profile(b"GRAY", {"kTRC": _gamma(gamma)})


def cmyk_profile() -> bytes:
    """An ICC profile by which ink of any kind is pure green in Lab, and none is white."""
    ramp = bytes(range(256))
    lab = bytes([255, 128, 128]) + bytes([224, 49, 208]) * 15
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + lab + ramp * 3
    return _profile(b"CMYK", {"A2B0": table, "A2B1": table}, kind=b"prtr", pcs=b"Lab ")


def in_adobe_rgb(pixels: np.ndarray) -> np.ndarray:
    """The numbers by which Adobe RGB names the colours of sRGB pixels (H, W, 3) uint8."""
    value = pixels / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    other = linear @ np.array(_SRGB) @ np.linalg.inv(np.array(ADOBE_RGB))
    return np.rint(other.clip(0, 1) ** (1 / ADOBE_GAMMA) * 255).astype(np.uint8)


def _profile(space: bytes, tags: dict[str, bytes], kind=b"mntr", pcs=b"XYZ ") -> bytes:
    tags = {"wtpt": _xyz(_D50), "desc": _text(b"desc", b"handmade"), **tags}
    at = 128 + 4 + 12 * len(tags)
    table, bodies = b"", b""
    for name, body in tags.items():
        table += name.encode() + struct.pack(">II", at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(bodies), b"none", 0x02400000, kind, space, pcs)
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + bodies


def _xyz(values: Iterable[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


def _text(kind: bytes, text: bytes) -> bytes:
    return kind + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(1 + 79)
