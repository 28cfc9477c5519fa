"""The network on the other Keras backends that are installed, against the same NumPy network.

TensorFlow, the backend of this process, is compared with it in test_resnet_v2.
"""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.components.bit import numpy_resnet

UNITS, WIDTH, CLASSES = (1, 1, 1, 1), 0.5, 5  # R14x0.5

# In a process of its own: Keras chooses its backend once, on import.
PROGRAM = """
import sys
import keras
import numpy as np
from components.bit import matching, resnet_v2

checkpoint_path, images_path, outputs_path = sys.argv[1:]
with np.load(checkpoint_path) as file:
    arrays = [matching.Array(name, file[name]) for name in file.files]
weights = matching.by_name(arrays)
model = resnet_v2.build("R14x0.5", num_classes=5)
for variable in model.variables:
    variable.assign(weights[matching.canonical_name(variable.path)])
images = np.load(images_path)
outputs = [network(images, training=False) for network in (model, resnet_v2.fold(model))]
np.save(outputs_path, [keras.ops.convert_to_numpy(output) for output in outputs])
print(keras.backend.backend())
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_backend_equals_the_numpy_network(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    checkpoint = numpy_resnet.random_checkpoint(UNITS, WIDTH, CLASSES)
    np.savez(tmp_path / "checkpoint.npz", **checkpoint)
    images = np.random.default_rng(0).random((2, 33, 40, 3), dtype=np.float32)
    np.save(tmp_path / "images.npy", images)
    files = [str(tmp_path / name) for name in ("checkpoint.npz", "images.npy", "outputs.npy")]
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, *files],
        env=os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split()[-1] == backend
    expected = numpy_resnet.forward(checkpoint, UNITS, images)
    for outputs in np.load(tmp_path / "outputs.npy"):  # as built, and folded
        np.testing.assert_allclose(outputs, expected, atol=1e-4)
