"""The two layers that make a ResNet-v2 a BiT: standardised convolution and group normalisation.

Keras has the second one too, but it reshapes the activations to five dimensions, and its default
epsilon (1e-3) is not BiT's.
"""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

KERNEL_EPSILON = 1e-10  # google-research/big_transfer, StandardizedConv2D
GROUP_NORM_EPSILON = 1e-5  # google-research/big_transfer, group_normalize


@ops.custom_gradient
def standardize(kernel: Any) -> Any:
    """A kernel (H, W, I, O) with mean 0 and variance 1 over H, W, I for every output channel.

    Takes a tensor, not a variable: gradients are those of the arguments.
    """
    centered = kernel - _window_mean(kernel)
    reciprocal = ops.rsqrt(_window_mean(ops.square(centered)) + KERNEL_EPSILON)
    outputs = centered * reciprocal

    def gradient(*args: Any, upstream: Any = None) -> Any:
        upstream = args[0] if upstream is None else upstream
        along = _window_mean(upstream * outputs)
        return (upstream - (outputs * along + _window_mean(upstream))) * reciprocal

    return outputs, gradient


_prestandardized = contextvars.ContextVar("prestandardized", default=False)


@contextlib.contextmanager
def prestandardized() -> Iterator[None]:
    """Inside, `StandardizedConv2D` takes its kernel as it is: the caller has standardised it.

    For a step of several micro-batches, which would standardise the same kernels for each.
    """
    token = _prestandardized.set(True)
    try:
        yield
    finally:
        _prestandardized.reset(token)


def _window_mean(kernel: Any) -> Any:
    """(H, W, I, O) -> (1, 1, 1, O)."""
    return ops.mean(kernel, axis=(0, 1, 2), keepdims=True)


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
        """Makes the kernel, HWIO float32, for inputs (B, H, W, C)."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], self.filters),
            # The scale of a draw is standardised away; only its speed matters.
            initializer="glorot_uniform",
            autocast=False,
        )

    def call(self, inputs: Any) -> Any:
        """Activations (B, H, W, C) -> (B, H', W', filters), computed in the compute dtype."""
        kernel = self.kernel.value
        if not _prestandardized.get():
            kernel = standardize(kernel)
        return ops.conv(
            inputs,
            ops.cast(kernel, self.compute_dtype),
            strides=self.strides,
            padding=self.padding,
            data_format="channels_last",
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, H, W, I) -> (B, H', W', filters). Else Keras would trace `call` to find it out."""
        batch, *sides, _ = input_shape
        lost = self.kernel_size - 1 if self.padding == "valid" else 0
        height, width = (
            None if side is None else -((lost - side) // self.strides) for side in sides
        )
        return batch, height, width, self.filters

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs to build the same layer."""
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
        }


class WidenedConv2D(keras.layers.Conv2D):
    """A convolution of bfloat16 by bfloat16 for machines that multiply in float32 alone.

    What it takes, keeps and gives is bfloat16; only the sums are made by float32's instructions, as
    exactly. Without instructions for bfloat16 oneDNN takes three times as long for the same: 111 ms
    instead of 35 for 3 x 3 kernels on (16, 56, 56, 64), one core, TensorFlow 2.16. No bias.
    """

    def call(self, inputs: Any) -> Any:
        """Activations (B, H, W, C) -> (B, H', W', filters), of the same dtype."""
        outputs = ops.conv(
            ops.cast(inputs, "float32"),
            ops.cast(self.kernel.value, "float32"),
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )
        return ops.cast(outputs, inputs.dtype)


@keras.saving.register_keras_serializable(package="bitpipe")
class GroupNormalization(keras.layers.Layer):
    """Group normalisation of (B, H, W, C), channels last, with gamma and beta per channel.

    Means over H and W come first, per channel; groups are then formed on (B, C), which costs
    nothing. What remains for the activations is one multiplication and one addition, and for their
    gradient two of each. Statistics are float32 (or wider) under any policy, and the variance is
    E[x^2] - E[x]^2, as in Flax, but per channel: exact enough while a channel's mean is below some
    30 standard deviations.

    Args:
        groups: must divide C.
        epsilon: added to the variance.
        one_pass: squares and adds up in one operation, in half the time on a CPU, and leaves the
            gradient to automatic differentiation: for inference. TensorFlow has that operation,
            its XLA does not.
    """

    def __init__(
        self,
        groups: int = 32,
        epsilon: float = GROUP_NORM_EPSILON,
        one_pass: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = groups
        self.epsilon = epsilon
        self.one_pass = one_pass
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes scale and offset, (C,) each.

        Raises:
            ValueError: the channels are no multiple of the groups.
        """
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
        """Activations (B, H, W, C) -> the same shape and dtype; statistics are float32 or wider."""
        statistics = keras.backend.result_type(self.compute_dtype, "float32")
        if self.one_pass:
            return _group_norm(
                inputs,
                self.gamma.value,
                self.beta.value,
                self.groups,
                self.epsilon,
                statistics,
                one_pass=True,
            )[0]
        normalize = ops.custom_gradient(
            lambda x, gamma, beta: _group_norm(
                x, gamma, beta, self.groups, self.epsilon, statistics
            )
        )
        return normalize(inputs, self.gamma.value, self.beta.value)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The same. Tracing `call` to find it out took most of the time to build a network."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs to build the same layer."""
        own = {"groups": self.groups, "epsilon": self.epsilon, "one_pass": self.one_pass}
        return super().get_config() | own


def _mean_square(x: Any) -> Any:
    """(B, H, W, C) -> (B, C), without storing the squares; for TensorFlow alone."""
    import tensorflow as tf  # which other backends do without

    norm = tf.math.reduce_euclidean_norm(tf.math.reduce_euclidean_norm(x, axis=2), axis=1)
    area = ops.cast(ops.shape(x)[1] * ops.shape(x)[2], x.dtype)
    return ops.square(norm) / area


def _group_norm(
    inputs: Any,
    gamma: Any,
    beta: Any,
    groups: int,
    epsilon: float,
    dtype: str,
    one_pass: bool = False,
) -> tuple[Any, Any]:
    """Normalised activations (B, H, W, C) and the function that takes their gradient back.

    Written out, because automatic differentiation would go over the activations once per operation
    of the forward pass: training of R50x1 on a CPU is a tenth faster this way.
    """

    def spatial_mean(x: Any) -> Any:
        """(B, H, W, C) -> (B, groups, C / groups), the shape of all statistics."""
        # One axis at a time is up to twice as fast on a CPU.
        means = ops.mean(ops.mean(x, axis=2), axis=1)
        return ops.reshape(means, (-1, groups, inputs.shape[-1] // groups))

    def group_mean(x: Any) -> Any:
        """The same value for all channels of a group."""
        return ops.broadcast_to(ops.mean(x, axis=-1, keepdims=True), ops.shape(x))

    def per_pixel(x: Any) -> Any:
        return ops.reshape(x, (-1, 1, 1, inputs.shape[-1]))

    x = ops.cast(inputs, dtype)
    parameters = gamma.dtype
    gamma, beta = (ops.cast(ops.reshape(p, (groups, -1)), dtype) for p in (gamma, beta))
    channel_mean = spatial_mean(x)
    mean = group_mean(channel_mean)
    # A group's variance is that within its channels and that between them.
    if one_pass:
        mean_square = ops.reshape(_mean_square(x), ops.shape(channel_mean))
    else:
        mean_square = spatial_mean(ops.square(x))
    within = ops.maximum(mean_square - ops.square(channel_mean), 0.0)
    reciprocal = ops.rsqrt(group_mean(within + ops.square(channel_mean - mean)) + epsilon)
    scale = reciprocal * gamma
    outputs = x * per_pixel(scale) + per_pixel(beta - mean * scale)

    def gradient(*args: Any, upstream: Any = None) -> tuple[Any, Any, Any]:
        d = ops.cast(args[0] if upstream is None else upstream, dtype)
        x = ops.cast(inputs, dtype)
        area = ops.cast(ops.shape(x)[1] * ops.shape(x)[2], dtype)
        d_mean = spatial_mean(d)
        within = spatial_mean(d * x) - channel_mean * d_mean
        d_along = (within + (channel_mean - mean) * d_mean) * reciprocal
        slope = -group_mean(d_along * gamma) * ops.square(reciprocal)
        offset = -group_mean(d_mean * gamma) * reciprocal - mean * slope
        d_inputs = d * per_pixel(scale) + (x * per_pixel(slope) + per_pixel(offset))
        return (
            ops.cast(d_inputs, inputs.dtype),
            ops.cast(ops.reshape(ops.sum(d_along, axis=0) * area, (-1,)), parameters),
            ops.cast(ops.reshape(ops.sum(d_mean, axis=0) * area, (-1,)), parameters),
        )

    return ops.cast(outputs, inputs.dtype), gradient
