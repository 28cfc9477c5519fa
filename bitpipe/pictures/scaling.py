"""How far a large picture is scaled down, where `data.longest_side` asks for it.

The served graph does the same to what a client sends (`components.preprocessing`), with the same
kernel: else a model would be shown smoother pictures in training than in service.
"""

from PIL import Image
from PIL.ImageFile import ImageFile

# Panoramas keep their shorter side at half of the limit: a crop is cut from both sides.
LEAST_SHORTER = 0.5
# JPEG's own reduced decoding averages blocks; so much larger than the target it leaves no trace.
_DRAFT = 1.5


def scaled_size(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """The size of what a picture becomes, the same where it is small enough.

    Args:
        size: two sides, pixels.
        longest_side: limit; 0 for none.
    """
    if not longest_side:
        return size
    factor = max(longest_side / max(size), LEAST_SHORTER * longest_side / min(size))
    if factor >= 1:
        return size
    first, second = (round(side * factor) for side in size)
    return first, second


def draft(image: ImageFile, target: tuple[int, int]) -> None:
    """Has a JPEG file decoded at a half, a quarter or an eighth where that suffices for `target`.

    Of 12 megapixels, a half is decoded for 1024 pixels.
    """
    if image.format in ("JPEG", "MPO"):
        image.draft(None, (round(_DRAFT * target[0]), round(_DRAFT * target[1])))


def scale(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """Grey or RGB pixels of the target's size, by the antialiased triangle kernel."""
    return image.resize(target, Image.Resampling.BILINEAR)
