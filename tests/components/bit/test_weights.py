"""Files of weights: `.npz`, `.h5` and downloads."""

import keras
import numpy as np
import pytest

from bitpipe.errors import WeightsError
from components.bit import download, resnet_v2, weights
from tests.components.bit import numpy_resnet
from tests.components.bit.checkpoints import (
    CLASSES,
    VARIANT,
    assert_untouched,
    full_name,
    outputs_of,
    projection_last,
    without_head,
    write_h5,
)


def test_npz_with_its_head_answers_as_the_numpy_network(trained, images, logits):
    np.testing.assert_allclose(outputs_of(trained, images), logits, atol=1e-4)


def test_npz_without_its_head_leaves_the_new_one_alone(blank, npz, images, features):
    weights.load(blank[None], npz)
    np.testing.assert_allclose(outputs_of(blank[None], images), features, atol=1e-4)
    weights.load(blank[CLASSES], npz, head=False)
    assert not outputs_of(blank[CLASSES], images).any()


def test_mixed_precision_network_loads_the_same_weights(npz, checkpoint):
    model = resnet_v2.build(VARIANT, dtype="mixed_bfloat16")
    weights.load(model, npz)
    kernel = model.get_layer("block1-unit01-a-standardized_conv2d").kernel
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(kernel),
        checkpoint["resnet/block1/unit01/a/standardized_conv2d/kernel"],
    )


@pytest.mark.parametrize("prefix", ["", "resnet_v2/"])
def test_h5_answers_as_the_numpy_network(blank, checkpoint, tmp_path, images, logits, prefix):
    path = write_h5(tmp_path / "BiT.h5", checkpoint, lambda name: prefix + name)
    weights.load(blank[CLASSES], path, head=True)
    np.testing.assert_allclose(outputs_of(blank[CLASSES], images), logits, atol=1e-4)


def test_h5_with_cut_names_is_matched_by_its_order(blank, checkpoint, tmp_path, images, features):
    numbers = iter(range(1000))

    def cut(name):
        proj = "proj/" if "/proj/" in name else ""
        return f"{proj}layer_{next(numbers)}/{name.rpartition('/')[2]}"

    path = write_h5(tmp_path / "BiT.h5", projection_last(checkpoint), cut)
    weights.load(blank[None], path)
    np.testing.assert_allclose(outputs_of(blank[None], images), features, atol=1e-4)


def test_another_variant_is_refused_and_its_differences_listed(blank, tmp_path):
    np.savez(tmp_path / "wide.npz", **numpy_resnet.random_checkpoint((2, 1, 1, 1), 1))
    with pytest.raises(WeightsError) as caught:
        weights.load(blank[None], tmp_path / "wide.npz")
    message = str(caught.value)
    assert "unexpected: block1/unit02/a/group_norm/gamma (256,)" in message
    assert "root_block/standardized_conv2d/kernel is (7, 7, 3, 64) instead of (7, 7, 3, 32)" in (
        message
    )
    assert_untouched(blank[None])


@pytest.mark.parametrize("name", ["resnet/group_norm/beta", "resnet/head/conv2d/bias"])
def test_a_missing_array_is_named(blank, checkpoint, tmp_path, name):
    np.savez(tmp_path / "BiT.npz", **{k: v for k, v in checkpoint.items() if k != name})
    ours = name.removeprefix("resnet/").replace("conv2d/", "")
    with pytest.raises(WeightsError, match=f"1 missing: {ours}"):
        weights.load(blank[CLASSES], tmp_path / "BiT.npz", head=True)
    assert_untouched(blank[CLASSES])


def test_a_surplus_array_is_named(blank, checkpoint, tmp_path):
    np.savez(tmp_path / "BiT.npz", **checkpoint, momentum=np.zeros(5))
    with pytest.raises(WeightsError, match=r"momentum \(5,\)"):
        weights.load(blank[None], tmp_path / "BiT.npz")
    assert_untouched(blank[None])


def test_a_head_of_another_size_is_refused_with_the_remedy(npz):
    model = resnet_v2.build(VARIANT, CLASSES + 1)
    with pytest.raises(WeightsError, match=r"has 7 outputs.* with 8\. .*head=False"):
        weights.load(model, npz, head=True)


def test_a_head_is_kept_only_where_both_sides_have_one(blank, npz, checkpoint, tmp_path):
    with pytest.raises(WeightsError, match="num_classes"):
        weights.load(blank[None], npz, head=True)
    np.savez(tmp_path / "features.npz", **without_head(checkpoint))
    with pytest.raises(WeightsError, match="ends in features"):
        weights.load(blank[CLASSES], tmp_path / "features.npz", head=True)


@pytest.mark.parametrize("name", ["BiT.npz", "BiT.h5"])
@pytest.mark.parametrize("damage", ["empty", "truncated", "text"])
def test_a_damaged_file_is_one_sentence(blank, checkpoint, npz, tmp_path, name, damage):
    path = tmp_path / name
    whole = npz
    if name.endswith("h5"):
        whole = write_h5(tmp_path / "whole.h5", checkpoint, full_name)
    content = {
        "empty": b"",
        "truncated": whole.read_bytes()[:-1000],
        "text": b"<html>404</html>",
    }[damage]
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as"):
        weights.load(blank[None], path)
    assert_untouched(blank[None])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("bit-m-r50x1-ilsvrc", r"did you mean 'bit-m-r50x1-ilsvrc2012'\? Give"),
        ("/nowhere/BiT.npz", "no weights are called '/nowhere/BiT.npz'"),
    ],
)
def test_an_unknown_source_is_refused(blank, source, message):
    with pytest.raises(WeightsError, match=message):
        weights.load(blank[None], source)


def test_a_file_of_another_kind_is_refused(blank, tmp_path):
    (tmp_path / "BiT.pth").touch()
    with pytest.raises(WeightsError, match=r"official \.npz or \.h5"):
        weights.load(blank[None], tmp_path / "BiT.pth")


def test_only_networks_of_ours_can_be_filled(npz):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="other")])
    with pytest.raises(WeightsError, match="other/kernel"):
        weights.load(other, npz)


# Downloads


def test_a_released_name_is_fetched_from_its_address(monkeypatch, blank, npz, tmp_path):
    asked = []

    def fetch(url, **options):
        asked.append((url, options))
        return npz

    monkeypatch.setattr(download, "fetch", fetch)
    weights.load(blank[None], "BiT-M-R50x1", cache=tmp_path, progress=False)
    ((url, options),) = asked
    assert url == "https://storage.googleapis.com/bit_models/BiT-M-R50x1.npz"
    assert options == {"cache": tmp_path, "sha256": None, "progress": False}


def test_a_login_page_instead_of_weights_is_not_remembered(monkeypatch, blank, tmp_path):
    page = tmp_path / "BiT.npz"
    page.write_text("<html>please log in</html>")
    monkeypatch.setattr(download, "fetch", lambda *_, **__: page)
    with pytest.raises(WeightsError, match="the page of a portal"):
        weights.load(blank[None], "http://somewhere.example/BiT.npz")
    assert not page.exists()


def test_an_unreachable_hub_is_one_sentence_with_the_remedy(monkeypatch, blank, tmp_path):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="TFHUB_CACHE_DIR") as caught:
        weights.load(blank[None], "http://127.0.0.1:9/google/bit/m-r50x1/1")
    assert "\n" not in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_dir()] == []
