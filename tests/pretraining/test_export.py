"""What is exported is what the product loads, and computes the same there."""

import numpy as np
import pytest

from bitpipe.errors import WeightsError
from components.bit import variants
from pretraining import export

VARIANT = variants.get("R14x0.5")


def arrays(classes=10):
    """Weights of our network under the names of a checkpoint."""
    from components.bit import resnet_v2

    random = np.random.default_rng(0)
    found = {}
    for variable in resnet_v2.build(VARIANT, classes).variables:
        name = "resnet/" + variable.path.replace("-", "/").replace("head/", "head/conv2d/")
        value = random.normal(size=variable.shape).astype(np.float32)
        found[name] = value[None, None] if name.endswith("head/conv2d/kernel") else value
    return found


def test_the_same_weights_give_the_same_file_of_half_the_size(tmp_path):
    weights = {"resnet/group_norm/gamma": np.random.default_rng(0).normal(size=10_000)}
    one, other = (export.write(weights, tmp_path / name) for name in ("one.npz", "other.npz"))
    assert one == other
    assert export.read(tmp_path / "one.npz")["resnet/group_norm/gamma"].dtype == np.float16
    assert (tmp_path / "one.npz").stat().st_size < 2 * 10_000 + 500


def test_what_float16_cannot_hold_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="in \\['wide'\\]"):
        export.write({"wide": np.array([1e5]), "fine": np.array([1.0])}, tmp_path / "no.npz")
    assert not (tmp_path / "no.npz").exists()


def test_a_proof_is_judged_by_the_product_alone(tmp_path):
    pytest.importorskip("keras", reason="this environment is for training alone")
    from components.bit import resnet_v2, weights

    export.write(arrays(), tmp_path / "weights.npz")
    model = resnet_v2.build(VARIANT, 10)
    weights.load(model, tmp_path / "weights.npz", head=True)
    images = np.random.default_rng(1).random((2, 32, 32, 3), np.float32)
    logits = np.asarray(model(images))
    proof = {"images": images, "variant": np.array(VARIANT.name)}
    np.savez(tmp_path / "good.npz", logits=logits, **proof)
    np.savez(tmp_path / "bad.npz", logits=logits + 0.01, **proof)
    assert export.check(tmp_path / "weights.npz", tmp_path / "good.npz") < export.TOLERANCE
    with pytest.raises(WeightsError, match=r"a difference of 0\.01"):
        export.check(tmp_path / "weights.npz", tmp_path / "bad.npz")


def test_pytorch_and_keras_agree(tmp_path):
    pytest.importorskip("keras", reason="this environment is for training alone")
    pytest.importorskip("torch", reason="PyTorch trains the student; it is in no lock")
    export.write(arrays(), tmp_path / "weights.npz")
    export.write_proof(tmp_path / "weights.npz", tmp_path / "proof.npz", VARIANT.name)
    assert export.check(tmp_path / "weights.npz", tmp_path / "proof.npz") < export.TOLERANCE
