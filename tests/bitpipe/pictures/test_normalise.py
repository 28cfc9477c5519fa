"""What a model is fed: passed through where it can be, else made upright JPEG or PNG."""

import struct
import warnings
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.serving.damage import many_scans
from bitpipe.errors import UnreadablePictureError
from bitpipe.pictures.limits import MAX_PIXELS
from bitpipe.pictures.normalise import Picture, normalise

ORIENTATIONS = (2, 3, 4, 5, 6, 7, 8)


def save(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def scene(mode: str = "RGB") -> Image.Image:
    """40x24, blue, with a red upper left quarter: every turn and flip of it differs."""
    image = Image.new("RGB", (40, 24), "blue")
    image.paste("red", (0, 0, 20, 12))
    return image.convert(mode)


def stored_with(orientation: int, form: str) -> bytes:
    """The upright scene, as a camera held otherwise would have stored it."""
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if form == "JPEG" else {}
    return save(scene().transpose(turned), form, exif=exif, **options)


def pixels(data: bytes) -> np.ndarray:
    with Image.open(BytesIO(data)) as image:
        assert image.getexif().get(0x0112, 1) == 1
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("mode", "form", "options"),
    [
        ("RGB", "JPEG", {}),
        ("L", "JPEG", {"progressive": True}),
        ("RGB", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("P", "PNG", {}),
        ("1", "PNG", {}),
        ("I;16", "PNG", {}),
    ],
)
def test_upright_jpeg_and_png_pass_through_byte_for_byte(
    mode: str, form: str, options: dict[str, Any]
) -> None:
    image = Image.linear_gradient("L").resize((40, 24)).convert("I") if mode == "I;16" else None
    image = image.point(lambda v: v * 257 + 0).convert(mode) if image else scene(mode)
    data = save(image, form, **options)
    assert normalise(data) == Picture(data, 24, 40, form, changed=False)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_turned_pictures_become_upright(orientation: int, form: str) -> None:
    picture = normalise(stored_with(orientation, form))
    assert (picture.height, picture.width, picture.changed) == (24, 40, True)
    assert np.abs(pixels(picture.data) - pixels(save(scene(), "PNG"))).mean() < 4


@pytest.mark.parametrize(
    ("form", "options", "encoded"),
    [
        ("WEBP", {"quality": 95}, "JPEG"),
        ("WEBP", {"lossless": True}, "PNG"),
        ("AVIF", {"quality": 95, "subsampling": "4:4:4"}, "JPEG"),
        ("BMP", {}, "PNG"),
        ("TIFF", {}, "PNG"),
        ("PPM", {}, "PNG"),
        ("TGA", {}, "PNG"),
        ("JPEG2000", {}, "PNG"),
    ],
)
def test_other_formats_are_encoded_anew(form: str, options: dict[str, Any], encoded: str) -> None:
    picture = normalise(save(scene(), form, **options))
    assert (picture.height, picture.width, picture.format) == (24, 40, encoded)
    assert picture.changed
    difference = np.abs(pixels(picture.data) - pixels(save(scene(), "PNG")))
    assert difference.mean() < 4 if encoded == "JPEG" else difference.max() == 0


def test_jpeg_is_written_without_chroma_subsampling() -> None:
    data = normalise(save(scene(), "WEBP")).data
    with Image.open(BytesIO(data)) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


def test_cmyk_becomes_rgb() -> None:
    picture = normalise(save(scene("CMYK"), "JPEG", quality=95))
    assert picture.changed
    with Image.open(BytesIO(picture.data)) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")
    assert np.abs(pixels(picture.data) - pixels(save(scene(), "PNG"))).mean() < 6


def test_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (6, 5), colour) for colour in ("red", "lime")]
    for form in ("GIF", "PNG", "WEBP", "TIFF"):
        data = save(frames[0], form, save_all=True, append_images=frames[1:])
        picture = normalise(data)
        assert picture.changed, form
        assert np.abs(pixels(picture.data) - [255, 0, 0]).max() < 4, form


def test_several_pictures_of_a_camera_in_one_jpeg_pass_through_as_jpeg() -> None:
    data = save(scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    assert normalise(data) == Picture(data, 24, 40, "JPEG", changed=False)


def test_metadata_is_not_carried_into_what_is_encoded_anew() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    picture = normalise(save(scene(), "JPEG", exif=exif, icc_profile=b"profile", comment=b"text"))
    for left in (b"a camera", b"profile", b"text"):
        assert left not in picture.data


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_garbled_exif_does_not_refuse_a_whole_picture() -> None:
    data = save(scene(), "JPEG", exif=b"Exif\x00\x00MM\x00*garbage")
    assert normalise(data).data == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"no picture at all", "it is a text"),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n",
            "it is a PostScript document",
        ),
        (save(scene(), "JPEG")[:-60], "the file is truncated"),
        (save(scene(), "PNG")[:-30], "the file is"),
        (save(scene(), "PNG")[:-2], "the file is truncated"),
        (save(scene(), "BMP")[:-60], "the file is truncated"),
        (save(Image.new("F", (4, 4)), "TIFF"), "32-bit samples"),
    ],
)
def test_what_is_not_a_whole_picture_is_refused_with_a_short_reason(
    data: bytes, reason: str
) -> None:
    with pytest.raises(UnreadablePictureError) as caught:
        normalise(data)
    assert caught.value.reason.startswith(reason)
    assert len(caught.value.reason) < 100
    assert caught.value.exit_code == 2


def test_jpeg_without_its_end_marker_is_written_anew() -> None:
    data = save(scene(), "JPEG")
    assert normalise(data + b"trailing bytes").changed is False
    picture = normalise(data[:-2] + b"\xff\xfe")
    assert picture.changed
    assert picture.data.endswith(b"\xff\xd9")


def test_png_with_a_wrong_checksum_is_refused() -> None:
    data = bytearray(save(scene(), "PNG"))
    data[-14] ^= 0xFF  # in the checksum of the pixels, before the 12 bytes of the end
    with pytest.raises(UnreadablePictureError, match="damaged"):
        normalise(bytes(data))


def test_too_many_pixels_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = save(scene(), "PNG")
    assert normalise(data, max_pixels=40 * 24).data == data
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(UnreadablePictureError, match="40x24 pixels, more than 959"):
        normalise(data, max_pixels=40 * 24 - 1)


def test_too_many_scans_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = save(scene(), "JPEG", progressive=True)
    assert normalise(usual).data == usual
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(UnreadablePictureError, match="more than 64 scans"):
        normalise(many_scans(usual, 64))


def png_of(width: int, height: int) -> bytes:
    """A PNG that says to have this size, and holds one pixel."""
    data = bytearray(save(Image.new("L", (1, 1)), "PNG"))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize("action", ["error", "ignore"])
def test_decompression_bomb_is_refused_whatever_the_warning_filter(action: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        for width, height in ((10_001, 10_000), (60_000, 60_000)):
            reason = f"it has {width}x{height} pixels, more than {MAX_PIXELS}"
            with pytest.raises(UnreadablePictureError, match=reason):
                normalise(png_of(width, height))


@pytest.mark.filterwarnings("error")
def test_pillows_own_limits_of_pixels_do_not_count() -> None:
    before = Image.MAX_IMAGE_PIXELS
    for side, max_pixels in ((9_600, MAX_PIXELS), (13_400, 200_000_000)):
        assert (before or 0) < side**2
        with pytest.raises(UnreadablePictureError, match="the file is truncated"):
            normalise(png_of(side, side), max_pixels=max_pixels)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.filterwarnings("ignore:Image was not the expected size")
def test_an_icon_that_holds_more_pixels_than_it_says_is_refused_before_decoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    png = save(Image.new("RGB", (300, 200)), "PNG")
    directory = struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 24, len(png), 22)
    assert normalise(directory + png).width == 300
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(UnreadablePictureError, match="it has 300x200 pixels, more than 59999"):
        normalise(directory + png, max_pixels=59_999)


def test_a_format_that_pillow_was_built_without_is_no_damage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = save(scene(), "PPM")
    Image.init()
    monkeypatch.delitem(Image.OPEN, "AVIF")
    monkeypatch.setitem(Image.OPEN, "WEBP", (lambda *_: pytest.fail("asked"), lambda _: "missing"))
    assert normalise(data).format == "PNG"
    with pytest.raises(UnreadablePictureError, match="it is none of JPEG, PNG"):
        normalise(b"\xff no picture at all")


@settings(max_examples=60)
@given(
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"]),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    form=st.sampled_from(["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP"]),
    orientation=st.integers(0, 9),
)
def test_normalising_twice_changes_nothing_more(
    mode: str, size: tuple[int, int], form: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    try:
        data = save(Image.new("L", size, 90).convert(mode), form, exif=exif)
    except (OSError, ValueError):
        reject()  # the format cannot hold the mode
    once = normalise(data)
    twice = normalise(once.data)
    assert (twice.data, twice.changed) == (once.data, False)
    assert (twice.height, twice.width, twice.format) == (once.height, once.width, once.format)


def test_of_a_truncated_jpeg_what_there_is_can_be_taken() -> None:
    picture = Image.effect_noise((64, 64), 90).convert("RGB")
    whole = save(picture, "JPEG")
    cut = whole[: len(whole) * 3 // 4]
    with pytest.raises(UnreadablePictureError, match="truncated"):
        normalise(cut)
    taken = normalise(cut, allow_truncated=True)
    assert (taken.height, taken.width, taken.format, taken.changed) == (64, 64, "JPEG", True)
    shown, all_of_it = (np.asarray(Image.open(BytesIO(data))) for data in (taken.data, whole))
    assert np.abs(shown[:32].astype(int) - all_of_it[:32].astype(int)).mean() < 8
    assert normalise(whole, allow_truncated=True).data == whole


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_of_a_truncated_file_in_which_nothing_can_be_seen_nothing_is_taken(form: str) -> None:
    whole = save(Image.effect_noise((64, 64), 90).convert("RGB"), form)
    at = whole.find(b"\xff\xda") + 14 if form == "JPEG" else len(whole) // 2
    with pytest.raises(UnreadablePictureError) as told:
        normalise(whole[:at], allow_truncated=True)
    assert told.value.kind == "truncated"
