"""Training that starts from an exported model: the same features, and a head by the names."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import ConfigError
from components import preprocessing, trainer
from components.bit import hyperrule, resnet_v2
from components.settings import TrainSettings
from components.training import features, head, probe, served_model, warm_start

VARIANT, SIZE = "R14x0.5", 16
PICTURES = np.random.default_rng(0).random((2, SIZE, SIZE, 3), np.float32)
NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1)


def random_network(seed, num_classes, spread=0.05):
    """A network whose kernels have another mean and spread in each channel."""
    keras.utils.set_random_seed(seed)
    model = resnet_v2.build(VARIANT, num_classes)
    random = np.random.default_rng(seed)
    for variable in model.variables:
        shape = variable.shape
        scale = spread * (1 + random.random(shape[-1]))
        variable.assign(random.normal(size=shape) * scale + 0.1 * scale)
    return model


@pytest.fixture(scope="module")
def trained():
    return random_network(1, 3)


@pytest.fixture(scope="module")
def export(trained, transform_output, tmp_path_factory):
    """Of the classes green, red and blue."""
    path = str(tmp_path_factory.mktemp("export"))
    names = [
        name.decode() for name in transform_output.vocabulary_by_name(preprocessing.VOCABULARY)
    ]
    served_model.export(served_model.ServedModel(trained, transform_output, names), path)
    return path


def fresh(num_classes):
    return resnet_v2.build(VARIANT, num_classes)


def start(model, export, names, **changes):
    return warm_start.load(model, export, names, **{"variant": VARIANT, "size": SIZE, **changes})


def test_the_network_answers_as_the_served_one_whatever_order_its_classes_have(trained, export):
    model = fresh(3)
    told = start(model, export, ["red", "blue", "green"])
    expected = np.asarray(trained(PICTURES))[:, [1, 2, 0]]
    assert expected.std() > 0.01
    np.testing.assert_allclose(model(PICTURES), expected, atol=1e-4)
    assert told.backbone_moved
    assert str(told) == (
        "training starts from the model in service, 3 classes of which are the same"
    )


def test_kernels_keep_the_scale_that_the_rate_of_the_rule_is_for(export):
    """Of an export they have the spread 1, which a step of 0.003 would hardly change."""
    model = fresh(3)
    layers = [layer for layer in model.layers if layer.name.endswith("standardized_conv2d")]
    before = [np.asarray(layer.kernel).std((0, 1, 2)) for layer in layers]
    start(model, export, ["red", "blue", "green"])
    for layer, spread in zip(layers, before, strict=True):
        found = np.asarray(layer.kernel).std((0, 1, 2))
        np.testing.assert_allclose(found, np.maximum(spread, 1e-3), rtol=1e-3)


def test_new_classes_begin_at_zero_and_those_that_are_gone_are_told(trained, export):
    model = fresh(3)
    told = start(model, export, ["yellow", "blue", "red"])
    answers = np.asarray(model(PICTURES))
    assert not answers[:, 0].any()
    np.testing.assert_allclose(answers[:, 1:], np.asarray(trained(PICTURES))[:, [2, 1]], atol=1e-4)
    assert (told.known, told.new, told.gone) == (("blue", "red"), ("yellow",), ("green",))
    assert str(told).endswith("2 classes of which are the same; new: yellow; gone: green")


def test_one_class_is_told_as_one():
    only = warm_start.Start(known=("a",), new=(), gone=(), backbone_moved=False)
    assert str(only).endswith("from the model in service, 1 class of which is the same")


def test_a_backbone_that_no_training_has_moved_stays_as_it_is_to_the_bit(export):
    """Features that were kept of it are of use the next night."""
    model = random_network(1, 3)
    before = features.identity(model, SIZE, mirrored=True, code="")
    assert not start(model, export, ["green", "red", "blue"]).backbone_moved
    assert features.identity(model, SIZE, mirrored=True, code="") == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"variant": "R26x0.5"}, "which is a R14x0.5 for pictures of 16 px. Received: .*R26x0.5"),
        ({"size": 32}, "16 px. Received: settings for a R14x0.5 for pictures of 32 px"),
    ],
)
def test_another_network_or_size_is_refused_in_a_sentence(export, changes, told):
    with pytest.raises(ConfigError, match=told) as caught:
        start(fresh(3), export, ["red", "blue", "green"], **changes)
    assert "train.warm_start=upstream" in str(caught.value)


@given(labels=NAMES, class_names=NAMES)
def test_columns_follow_their_names(labels, class_names):
    kernel = np.arange(1, 1 + 2 * len(labels), dtype=np.float32).reshape(2, -1)
    bias = -kernel[0]
    carried_kernel, carried_bias = warm_start.carried(kernel, bias, labels, class_names)
    for index, name in enumerate(class_names):
        known = name in labels
        column = kernel[:, labels.index(name)] if known else [0, 0]
        np.testing.assert_array_equal(carried_kernel[:, index], column)
        assert carried_bias[index] == (bias[labels.index(name)] if known else 0)


def test_a_probe_begins_with_the_networks_own_head(trained):
    """No step changes it at a rate of nothing, so what comes back answers as before."""
    rule = hyperrule.for_dataset(10, SIZE**2).with_overrides(
        steps=1, warmup_steps=0, boundaries=(), learning_rate=1e-12, batch_size=4
    )
    values = np.asarray(features.network(trained)(PICTURES))[:, np.newaxis]
    examples = probe.Examples(values, np.array([0, 1]))

    class Frozen:
        def examples(self):
            return examples, probe.Examples(np.empty((0, 1, 0), np.float32), np.empty(0, np.int64))

    model = random_network(1, 3)
    before = np.asarray(model(PICTURES))
    head.train(model, Frozen(), rule, TrainSettings())
    np.testing.assert_allclose(model(PICTURES), before, atol=1e-4)


def test_without_a_model_in_service_the_backbone_is_what_training_starts_from(monkeypatch):
    said = []
    monkeypatch.setattr(trainer.progress, "say", lambda *told: said.append(told[1]))
    rule = hyperrule.for_dataset(10, SIZE**2)
    warm = TrainSettings(warm_start="served")
    assert trainer._start(fresh(3), None, ["a"], VARIANT, rule, warm) is None
    assert said == [
        "train.warm_start=served: no other model is in service, so training starts from "
        "model.backbone"
    ]
