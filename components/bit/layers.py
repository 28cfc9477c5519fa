"""The two layers that make a ResNet-v2 a BiT: standardised convolution and group normalisation.

Keras has the second one too, but it reshapes the activations to five dimensions, and its default
epsilon (1e-3) is not BiT's.
"""

from typing import Any

import keras
from keras import ops

KERNEL_EPSILON = 1e-10  # google-research/big_transfer, StandardizedConv2D
GROUP_NORM_EPSILON = 1e-5  # google-research/big_transfer, group_normalize


def standardize(kernel: Any) -> Any:
    """A kernel (H, W, I, O) with mean 0 and variance 1 over H, W, I for every output channel."""
    mean = ops.mean(kernel, axis=(0, 1, 2), keepdims=True)
    centered = kernel - mean
    variance = ops.mean(ops.square(centered), axis=(0, 1, 2), keepdims=True)
    return centered * ops.rsqrt(variance + KERNEL_EPSILON)


@keras.saving.register_keras_serializable(package="bitpipe")
class StandardizedConv2D(keras.layers.Layer):
    """Convolution without bias whose kernel is standardised at every call.

    (B, H, W, I) -> (B, H', W', filters), channels last. The kernel (H, W, I, O) is kept and
    standardised in the policy's variable dtype, also when the convolution computes in half
    precision.

    Args:
        filters: output channels.
        kernel_size: side of the square window.
        strides: the same both ways.
        padding: `"valid"` or `"same"`. TensorFlow's "same" pads a strided window off-centre; BiT
            pads it evenly, so a strided layer wants "valid" after an explicit padding.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        padding: str = "valid",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], self.filters),
            # The scale of a draw is standardised away; only its speed matters.
            initializer="glorot_uniform",
            autocast=False,
        )

    def call(self, inputs: Any) -> Any:
        return ops.conv(
            inputs,
            ops.cast(standardize(self.kernel), self.compute_dtype),
            strides=self.strides,
            padding=self.padding,
            data_format="channels_last",
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
        }


@keras.saving.register_keras_serializable(package="bitpipe")
class GroupNormalization(keras.layers.Layer):
    """Group normalisation of (B, H, W, C), channels last, with gamma and beta per channel.

    Sums over H and W come first, per channel; groups are then formed on (B, C), which costs
    nothing. What remains for the activations is one multiplication and one addition.
    Statistics are float32 (or wider) under any policy.

    Args:
        groups: must divide C.
        epsilon: added to the variance.
    """

    def __init__(
        self, groups: int = 32, epsilon: float = GROUP_NORM_EPSILON, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.groups = groups
        self.epsilon = epsilon
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = input_shape[-1]
        if channels is None or channels % self.groups:
            raise ValueError(
                f"the channels must be a multiple of the {self.groups} groups. "
                f"Received: input of shape {input_shape}."
            )
        self.gamma = self.add_weight(
            name="gamma", shape=(channels,), initializer="ones", autocast=False
        )
        self.beta = self.add_weight(
            name="beta", shape=(channels,), initializer="zeros", autocast=False
        )

    def call(self, inputs: Any) -> Any:
        x = ops.cast(inputs, keras.backend.result_type(self.compute_dtype, "float32"))
        mean = self._group_mean(ops.mean(x, axis=(1, 2)))  # (B, C)
        centered_square = ops.square(x - mean[:, None, None, :])
        variance = self._group_mean(ops.mean(centered_square, axis=(1, 2)))
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        shift = self.beta - mean * scale
        outputs = x * scale[:, None, None, :] + shift[:, None, None, :]
        return ops.cast(outputs, self.compute_dtype)

    def _group_mean(self, per_channel: Any) -> Any:
        """Replaces each value of (B, C) by its group's mean."""
        channels = per_channel.shape[-1]
        grouped = ops.reshape(per_channel, (-1, self.groups, channels // self.groups))
        means = ops.mean(grouped, axis=-1, keepdims=True)
        return ops.reshape(ops.broadcast_to(means, ops.shape(grouped)), (-1, channels))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"groups": self.groups, "epsilon": self.epsilon}
