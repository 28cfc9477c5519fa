"""BiT's network: a pre-activation ResNet with weight standardisation and group normalisation.

Source: arXiv:1912.11370 and google-research/big_transfer. A layer's name is its path in the
released checkpoints with `/` written as `-` (Keras forbids the slash), so that a variable's path
`block1-unit01-a-group_norm/gamma` is the checkpoint's `resnet/block1/unit01/a/group_norm/gamma`.
"""

from typing import Any

import keras

from bitpipe.errors import ConfigError
from components.bit import layers, variants

SEPARATOR = "-"
HEAD = "head"
FEATURES = "pool"
_COLOURS = "to_minus_one_one"
_ALWAYS_FLOAT32 = (_COLOURS, FEATURES, HEAD)


def build(
    variant: str | variants.Variant,
    num_classes: int | None = None,
    *,
    dtype: Any = None,
    name: str | None = None,
) -> keras.Model:
    """An untrained network.

    Args:
        variant: a name from `variants.VARIANTS`, or a variant of one's own.
        num_classes: outputs of the zero-initialised head; None for the features alone.
        dtype: Keras dtype policy, for instance "mixed_bfloat16"; None for the global one.
        name: the model's name.

    Returns:
        A functional model from float images (B, H, W, 3) in [0, 1], RGB, of any size, to float32
        logits (B, num_classes) or features (B, C).

    Raises:
        ConfigError: an unknown variant, or `num_classes` below 1.
    """
    if isinstance(variant, str):
        variant = variants.get(variant)
    if num_classes is not None and num_classes < 1:
        raise ConfigError(
            f"num_classes must be at least 1, or None for features. Received: {num_classes!r}."
        )
    policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())

    images = keras.Input((None, None, 3), dtype="float32", name="image")
    # In float32: eight bits of colour do not survive an affine map in bfloat16.
    x = keras.layers.Rescaling(2.0, offset=-1.0, dtype="float32", name=_COLOURS)(images)
    x = _root(x, variant.root_channels, policy)
    for block, (units, filters) in enumerate(
        zip(variant.units, variant.bottleneck_channels, strict=True), start=1
    ):
        for unit in range(1, units + 1):
            path = f"block{block}{SEPARATOR}unit{unit:02d}"
            strides = 2 if unit == 1 and block > 1 else 1
            x = _unit(x, filters, strides, path, policy)
    x = _norm_relu(x, "", policy)
    x = keras.layers.GlobalAveragePooling2D(
        data_format="channels_last", dtype="float32", name=FEATURES
    )(x)
    if num_classes is not None:
        # BiT starts the head at zero: the first steps then leave the features alone.
        x = keras.layers.Dense(num_classes, kernel_initializer="zeros", dtype="float32", name=HEAD)(
            x
        )
    return keras.Model(images, x, name=name or f"bit_{variant.name.lower().replace('.', '_')}")


def fold(model: keras.Model, *, one_pass: bool = False) -> keras.Model:
    """The same network with its kernels standardised once and for all, for inference.

    Every `StandardizedConv2D` becomes a plain convolution of the same name; all other layers, the
    head and the dtype policies stay. The result shares no variables with `model`.

    Args:
        model: of `build`.
        one_pass: see `layers.GroupNormalization`; not for XLA.
    """

    def plain(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, layers.GroupNormalization):
            return layer.__class__.from_config(layer.get_config() | {"one_pass": one_pass})
        if not isinstance(layer, layers.StandardizedConv2D):
            return layer.__class__.from_config(layer.get_config())
        return keras.layers.Conv2D(
            layer.filters,
            layer.kernel_size,
            strides=layer.strides,
            padding=layer.padding,
            data_format="channels_last",
            use_bias=False,
            kernel_initializer="zeros",  # overwritten below; random numbers would take longer
            dtype=layer.dtype_policy,
            name=layer.name,
        )

    folded = keras.models.clone_model(model, clone_function=plain)
    for source, target in zip(model.layers, folded.layers, strict=True):
        if isinstance(source, layers.StandardizedConv2D):
            # Of several GPUs' variable TensorFlow's custom gradients make two.
            kernel = keras.ops.convert_to_numpy(source.kernel.value)
            target.kernel.assign(layers.standardize(keras.ops.convert_to_tensor(kernel)))
        else:
            target.set_weights(source.get_weights())
    return folded


def in_bfloat16(folded: keras.Model, *, widened: bool = False) -> keras.Model:
    """A network of `fold` that keeps its kernels and computes its activations in bfloat16.

    Statistics of the group normalisation, pooled features and the head stay float32, as they are in
    training. For inference, not for XLA. The result shares no variables with `folded`.

    Args:
        folded: of `fold`.
        widened: convolve as `layers.WidenedConv2D` does, for machines without instructions for
            bfloat16.
    """

    def cast(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name not in _ALWAYS_FLOAT32 and not isinstance(layer, keras.layers.InputLayer):
            kept = isinstance(layer, keras.layers.Conv2D)
            config["dtype"] = "bfloat16" if kept else "mixed_bfloat16"
        if isinstance(layer, layers.GroupNormalization):
            config["one_pass"] = True
        if widened and isinstance(layer, keras.layers.Conv2D):
            return layers.WidenedConv2D.from_config(config)
        return layer.__class__.from_config(config)

    network = keras.models.clone_model(folded, clone_function=cast)
    for source, target in zip(folded.variables, network.variables, strict=True):
        target.assign(keras.ops.cast(source.value, target.dtype))
    return network


def _root(x: Any, filters: int, policy: Any) -> Any:
    x = _pad(x, 3, "root_block-pad", policy)
    x = layers.StandardizedConv2D(
        filters, 7, strides=2, dtype=policy, name=f"root_block{SEPARATOR}standardized_conv2d"
    )(x)
    # Zeros, not -inf: the input of this pooling can be negative, and the checkpoints expect it.
    x = _pad(x, 1, "root_block-pool_pad", policy)
    return keras.layers.MaxPooling2D(
        3, strides=2, data_format="channels_last", dtype=policy, name="root_block-pool"
    )(x)


def _unit(x: Any, filters: int, strides: int, path: str, policy: Any) -> Any:
    """A bottleneck unit: (B, H, W, I) -> (B, ceil(H / strides), ceil(W / strides), 4 * filters)."""

    def conv(x: Any, part: str, filters: int, size: int = 1, strides: int = 1) -> Any:
        padding = "same"
        if size > 1 and strides > 1:
            x = _pad(x, size // 2, f"{path}{SEPARATOR}{part}{SEPARATOR}pad", policy)
            padding = "valid"
        return layers.StandardizedConv2D(
            filters,
            size,
            strides=strides,
            padding=padding,
            dtype=policy,
            name=f"{path}{SEPARATOR}{part}{SEPARATOR}standardized_conv2d",
        )(x)

    activated = _norm_relu(x, f"{path}{SEPARATOR}a{SEPARATOR}", policy)
    shortcut = x
    if strides > 1 or x.shape[-1] != 4 * filters:
        shortcut = conv(activated, f"a{SEPARATOR}proj", 4 * filters, strides=strides)
    x = conv(activated, "a", filters)
    x = _norm_relu(x, f"{path}{SEPARATOR}b{SEPARATOR}", policy)
    x = conv(x, "b", filters, size=3, strides=strides)
    x = _norm_relu(x, f"{path}{SEPARATOR}c{SEPARATOR}", policy)
    x = conv(x, "c", 4 * filters)
    return keras.layers.Add(dtype=policy, name=f"{path}{SEPARATOR}add")([x, shortcut])


def _norm_relu(x: Any, prefix: str, policy: Any) -> Any:
    x = layers.GroupNormalization(variants.GROUPS, dtype=policy, name=f"{prefix}group_norm")(x)
    return keras.layers.Activation("relu", dtype=policy, name=f"{prefix}relu")(x)


def _pad(x: Any, width: int, name: str, policy: Any) -> Any:
    return keras.layers.ZeroPadding2D(width, data_format="channels_last", dtype=policy, name=name)(
        x
    )
