"""What is random in training: crop, flip, MixUp. Stateless: the same seed gives the same pictures.

Shapes are (H, W, 3) for one picture and (B, H, W, 3) for a batch; values keep their range and
dtype.
"""

from __future__ import annotations

import tensorflow as tf

from components.settings import LabelSafe


def crop_and_flip(
    image: tf.Tensor, seed: tf.Tensor, *, crop: int, label_safe: LabelSafe
) -> tf.Tensor:
    """Random crop to (crop, crop, 3) and a mirror image half of the time.

    Where a crop would destroy the label the whole picture is resized to the crop size instead.

    Args:
        image: (H, W, 3), H and W at least `crop`.
        seed: (2,) int64.
        crop: side of the result in pixels.
        label_safe: which of the two may be done.
    """
    if not label_safe.crop:
        image = tf.cast(tf.image.resize(image, [crop, crop]), image.dtype)
    elif image.shape[0] != crop or image.shape[1] != crop:
        image = tf.image.stateless_random_crop(image, [crop, crop, 3], seed)
    if label_safe.flip:
        # The reference's TF2 and JAX pipelines flip EVERY picture; the paper means half of them.
        image = tf.image.stateless_random_flip_left_right(image, seed + 1)
    return image


def mixup(
    images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor, *, alpha: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """MixUp (arXiv:1710.09412) as BiT does it.

    One lambda ~ Beta(alpha, alpha) for the whole batch, which is mixed with its own reverse.

    Args:
        images: (B, H, W, 3) float.
        labels: (B, classes) float, one-hot.
        seed: (2,) int64.
        alpha: > 0.
    """
    gammas = tf.random.stateless_gamma([2], seed, alpha=alpha, dtype=images.dtype)
    # For small alpha both gammas can underflow to 0; the larger share then belongs to neither.
    share = tf.math.divide_no_nan(gammas[0], gammas[0] + gammas[1])
    mixed = share * images + (1 - share) * tf.reverse(images, [0])
    return mixed, share * labels + (1 - share) * tf.reverse(labels, [0])
