"""The network on the other Keras backends, against the NumPy network and TensorFlow's gradients.

JAX is installed with the tests, torch is not. TensorFlow, the backend of this process, is compared
with NumPy in test_resnet_v2.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from components.bit import matching, resnet_v2
from tests.components.bit import numpy_resnet

UNITS, WIDTH, CLASSES = (1, 1, 1, 1), 0.5, 5  # R14x0.5
ROOT = Path(__file__).parents[3]


def tensorflow_gradients(model, loss, images):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = loss(model(images, training=True))
    return tape.gradient(value, [variable.value for variable in model.trainable_variables])


def jax_gradients(model, loss, images):
    import jax

    def stateless(trainable):
        outputs, _ = model.stateless_call(trainable, [], images, training=True)
        return loss(outputs)

    # Compiled, as Keras trains on this backend.
    values = [variable.value for variable in model.trainable_variables]
    return jax.jit(jax.grad(stateless))(values)


def torch_gradients(model, loss, images):
    import torch

    values = [variable.value for variable in model.trainable_variables]
    return torch.autograd.grad(loss(model(images, training=True)), values)


GRADIENTS = {
    "tensorflow": tensorflow_gradients,
    "jax": jax_gradients,
    "torch": torch_gradients,
}


def network_of(folder):
    with np.load(folder / "checkpoint.npz") as file:
        arrays = [matching.Array(name, file[name]) for name in file.files]
    model = resnet_v2.build("R14x0.5", num_classes=CLASSES)
    values = matching.by_name(arrays)
    for variable in model.variables:
        variable.assign(values[matching.canonical_name(variable.path)])
    return model


def gradients_of(model, folder):
    """From a trainable variable's path to d sum(logits * weights) / d variable."""
    weights = np.load(folder / "weights.npy")
    gradients = GRADIENTS[keras.backend.backend()](
        model,
        lambda logits: keras.ops.sum(keras.ops.multiply(logits, weights)),
        np.load(folder / "images.npy"),
    )
    paths = [variable.path for variable in model.trainable_variables]
    return dict(zip(paths, map(keras.ops.convert_to_numpy, gradients), strict=True))


def main(folder):
    model = network_of(folder)
    images = np.load(folder / "images.npy")
    outputs = [network.predict_on_batch(images) for network in (model, resnet_v2.fold(model))]
    np.save(folder / "outputs.npy", outputs)
    np.savez(folder / "gradients.npz", **gradients_of(model, folder))
    print(keras.backend.backend())


@pytest.fixture(scope="module", params=["jax", "torch"])
def folder(request, tmp_path_factory):
    """Images, a checkpoint, weights of the logits, and what the backend made of them."""
    if request.param == "torch" and importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed; bitpipe does not need it")
    folder = tmp_path_factory.mktemp(request.param)
    rng = np.random.default_rng(0)
    np.savez(folder / "checkpoint.npz", **numpy_resnet.random_checkpoint(UNITS, WIDTH, CLASSES))
    np.save(folder / "images.npy", rng.random((2, 33, 40, 3), dtype=np.float32))
    np.save(folder / "weights.npy", rng.normal(size=(2, CLASSES)).astype(np.float32))
    # In a process of its own: Keras chooses its backend once, on import.
    finished = subprocess.run(
        [sys.executable, "-m", "tests.components.bit.test_backends", str(folder)],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": request.param, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split()[-1] == request.param
    return folder


def test_every_backend_equals_the_numpy_network(folder):
    with np.load(folder / "checkpoint.npz") as checkpoint:
        expected = numpy_resnet.forward(checkpoint, UNITS, np.load(folder / "images.npy"))
    for outputs in np.load(folder / "outputs.npy"):  # as built, and folded
        np.testing.assert_allclose(outputs, expected, atol=1e-4)


def test_every_backend_has_the_gradients_of_tensorflow(folder):
    expected = gradients_of(network_of(folder), folder)
    with np.load(folder / "gradients.npz") as file:
        assert set(file.files) == set(expected)
        for path, gradient in expected.items():
            largest = np.abs(gradient).max()
            assert largest > 0, path
            np.testing.assert_allclose(file[path], gradient, atol=1e-3 * largest, err_msg=path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
