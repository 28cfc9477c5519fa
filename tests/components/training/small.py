"""BiT's layers in a network that compiles in a second, where its size does not matter."""

import keras

from components.bit import layers


def build(num_classes, dtype=None):
    """A residual classifier of pictures (B, H, W, 3) whose head is zero, as BiT's is."""
    pictures = keras.Input((None, None, 3))
    root = layers.StandardizedConv2D(8, 3, strides=2, dtype=dtype, name="root")(pictures)
    x = layers.GroupNormalization(4, dtype=dtype, name="norm")(root)
    x = keras.layers.ReLU(dtype=dtype)(x)
    x = layers.StandardizedConv2D(8, 3, padding="same", dtype=dtype, name="conv")(x)
    x = keras.layers.Add(dtype=dtype)([root, x])
    x = layers.GroupNormalization(4, dtype=dtype, name="last-norm")(x)
    x = keras.layers.ReLU(dtype=dtype)(x)
    x = keras.layers.GlobalAveragePooling2D(dtype=dtype)(x)
    head = keras.layers.Dense(num_classes, kernel_initializer="zeros", dtype="float32", name="head")
    return keras.Model(pictures, head(x))
