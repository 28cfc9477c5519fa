"""A small network in every form: NumPy's arrays and answers, the released file, our models."""

import keras
import numpy as np
import pytest

from components.bit import resnet_v2, weights
from tests.components.bit import numpy_resnet
from tests.components.bit.checkpoints import CLASSES, UNITS, VARIANT, WIDTH


@pytest.fixture(scope="session")
def images():
    return np.random.default_rng(1).random((2, 40, 33, 3), dtype=np.float32)


@pytest.fixture(scope="session")
def checkpoint():
    return numpy_resnet.random_checkpoint(UNITS, WIDTH, CLASSES)


@pytest.fixture(scope="session")
def logits(checkpoint, images):
    return numpy_resnet.forward(checkpoint, UNITS, images)


@pytest.fixture(scope="session")
def features(checkpoint, images):
    backbone = {name: value for name, value in checkpoint.items() if "head" not in name}
    return numpy_resnet.forward(backbone, UNITS, images)


@pytest.fixture(scope="session")
def npz(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("npz") / "BiT.npz"
    np.savez(path, **checkpoint)
    return path


@pytest.fixture(scope="session")
def trained(npz):
    """A network with a head, filled once; tests must not change it."""
    model = resnet_v2.build(VARIANT, CLASSES)
    weights.load(model, npz, head=True)
    return model


@pytest.fixture(scope="session")
def empty():
    """Networks to be filled; building takes a second, and loading overwrites everything."""
    return {classes: resnet_v2.build(VARIANT, classes) for classes in (None, CLASSES)}


@pytest.fixture
def blank(empty):
    for model in empty.values():
        for variable in model.variables:
            variable.assign(keras.ops.zeros_like(variable))
    return empty
