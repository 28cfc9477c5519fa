"""BiT in plain NumPy, written from the description of the network and not from our code.

Checkpoints here are dictionaries from the released names to float32 arrays, kernels HWIO.
"""

import numpy as np

Checkpoint = dict[str, np.ndarray]


def checkpoint_shapes(
    units: tuple[int, ...], width: float, num_classes: int | None = None
) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of a released checkpoint, in the order of the network."""
    channels = int(64 * width)
    shapes = {"resnet/root_block/standardized_conv2d/kernel": (7, 7, 3, channels)}
    for block, (count, factor) in enumerate(zip(units, (1, 2, 4, 8), strict=True), start=1):
        inner = int(64 * width * factor)
        for unit in range(1, count + 1):
            root = f"resnet/block{block}/unit{unit:02d}"
            for part, size, inputs, outputs in (
                ("a", 1, channels, inner),
                ("b", 3, inner, inner),
                ("c", 1, inner, 4 * inner),
            ):
                shapes[f"{root}/{part}/group_norm/gamma"] = (inputs,)
                shapes[f"{root}/{part}/group_norm/beta"] = (inputs,)
                kernel = (size, size, inputs, outputs)
                shapes[f"{root}/{part}/standardized_conv2d/kernel"] = kernel
            if unit == 1:
                kernel = (1, 1, channels, 4 * inner)
                shapes[f"{root}/a/proj/standardized_conv2d/kernel"] = kernel
            channels = 4 * inner
    shapes["resnet/group_norm/gamma"] = (channels,)
    shapes["resnet/group_norm/beta"] = (channels,)
    if num_classes is not None:
        shapes["resnet/head/conv2d/kernel"] = (1, 1, channels, num_classes)
        shapes["resnet/head/conv2d/bias"] = (num_classes,)
    return shapes


def random_checkpoint(
    units: tuple[int, ...], width: float, num_classes: int | None = None, seed: int = 0
) -> Checkpoint:
    """A checkpoint in which every array matters: no gamma is 1, no beta or bias is 0."""
    rng = np.random.default_rng(seed)

    def array(name: str, shape: tuple[int, ...]) -> np.ndarray:
        values = rng.random(shape, dtype=np.float32) - np.float32(0.5)
        if "head" in name:
            return values * np.float32(0.1)
        return values + np.float32(1) if name.endswith("gamma") else values

    return {
        name: array(name, shape)
        for name, shape in checkpoint_shapes(units, width, num_classes).items()
    }


def forward(checkpoint: Checkpoint, units: tuple[int, ...], images: np.ndarray) -> np.ndarray:
    """Images (B, H, W, 3) in [0, 1] -> features (B, C), or logits where there is a head."""
    x = images.astype(np.float32) * 2 - 1
    x = _convolve(_pad(x, 3), checkpoint["resnet/root_block/standardized_conv2d/kernel"], 2)
    x = _windows(_pad(x, 1), 3, 2).max(axis=(-2, -1))
    for block, count in enumerate(units, start=1):
        for unit in range(1, count + 1):
            stride = 2 if unit == 1 and block > 1 else 1
            x = _unit(x, checkpoint, f"resnet/block{block}/unit{unit:02d}", stride)
    x = _relu(_group_norm(x, checkpoint, "resnet/group_norm")).mean(axis=(1, 2))
    if "resnet/head/conv2d/kernel" in checkpoint:
        x = x @ checkpoint["resnet/head/conv2d/kernel"][0, 0]
        x = x + checkpoint["resnet/head/conv2d/bias"]
    return x


def _unit(x: np.ndarray, checkpoint: Checkpoint, path: str, stride: int) -> np.ndarray:
    def kernel(part: str) -> np.ndarray:
        return checkpoint[f"{path}/{part}/standardized_conv2d/kernel"]

    o = _relu(_group_norm(x, checkpoint, f"{path}/a/group_norm"))
    shortcut = x
    if f"{path}/a/proj/standardized_conv2d/kernel" in checkpoint:
        shortcut = _convolve(o, kernel("a/proj"), stride)
    o = _convolve(o, kernel("a"), 1)
    o = _relu(_group_norm(o, checkpoint, f"{path}/b/group_norm"))
    o = _convolve(_pad(o, 1), kernel("b"), stride)
    o = _relu(_group_norm(o, checkpoint, f"{path}/c/group_norm"))
    return _convolve(o, kernel("c"), 1) + shortcut


def _group_norm(x: np.ndarray, checkpoint: Checkpoint, path: str) -> np.ndarray:
    batch, height, width, channels = x.shape
    groups = x.reshape(batch, height, width, 32, channels // 32).astype(np.float64)
    mean = groups.mean(axis=(1, 2, 4), keepdims=True)
    variance = groups.var(axis=(1, 2, 4), keepdims=True)
    normal = ((groups - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape)
    outputs = normal * checkpoint[f"{path}/gamma"] + checkpoint[f"{path}/beta"]
    return outputs.astype(np.float32)


def _convolve(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    mean = kernel.mean(axis=(0, 1, 2), dtype=np.float64)
    variance = kernel.var(axis=(0, 1, 2), dtype=np.float64)
    standardized = ((kernel - mean) / np.sqrt(variance + 1e-10)).astype(np.float32)
    windows = _windows(x, kernel.shape[0], stride)  # (B, H', W', I, h, w)
    batch, height, width = windows.shape[:3]
    columns = windows.reshape(batch * height * width, -1)
    rows = standardized.transpose(2, 0, 1, 3).reshape(columns.shape[1], -1)
    return (columns @ rows).reshape(batch, height, width, -1)


def _windows(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    return windows[:, ::stride, ::stride]


def _pad(x: np.ndarray, width: int) -> np.ndarray:
    return np.pad(x, ((0, 0), (width, width), (width, width), (0, 0)))


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)
