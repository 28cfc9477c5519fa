"""Checkpoints of one small network as others write them, and what is asked of their readers."""

import h5py
import keras

from components.bit import variants

VARIANT = "R14x0.5"
UNITS, WIDTH = variants.get(VARIANT).units, variants.get(VARIANT).width_factor
CLASSES = 7


def outputs_of(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


def assert_untouched(model):
    assert not any(keras.ops.convert_to_numpy(v).any() for v in model.variables)


def write_h5(path, checkpoint, rename):
    """In the layout of Keras 2: a group per layer, which lists its weights in order."""
    grouped = {}
    for name, value in checkpoint.items():
        name = name.removeprefix("resnet/").replace("head/conv2d", "head/dense")
        layer = "head/dense" if name.startswith("head") else name.split("/")[0]
        if name == "head/dense/kernel":
            value = value[0, 0]
        grouped.setdefault(layer, []).append((rename(name), value))
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in grouped]
        for layer, members in grouped.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{name}:0".encode() for name, _ in members]
            for name, value in members:
                group.create_dataset(f"{name}:0", data=value)
    return path


def full_name(name):
    return name


def last_part(name):
    """What Keras 2 leaves of a name."""
    return "/".join(name.split("/")[-2:])


def without_head(checkpoint):
    return {name: value for name, value in checkpoint.items() if "head" not in name}


def projection_last(checkpoint):
    """The order in which the reference's Keras code creates variables."""
    order = list(checkpoint)
    for projection in [name for name in order if "/proj/" in name]:
        order.remove(projection)
        last = projection.replace("a/proj", "c")
        order.insert(order.index(last) + 1, projection)
    return {name: checkpoint[name] for name in order}
