"""The kubeflow section: pools under stages, and one sentence for what cannot be."""

import re
from pathlib import Path

import pytest

from bitpipe.errors import ConfigError
from pipeline.settings import config, rendering
from pipeline.settings.kubeflow import STAGES, Accelerator, Resources, require_places

CLUSTER = str(Path(__file__).parents[1] / "kubeflow" / "cluster.yaml")


def settings(*overrides):
    return config.load(CLUSTER, overrides).config.kubeflow


def test_a_stage_without_a_word_gets_the_default_pool():
    assert settings().resources("transform") == Resources(cpu=2, memory="4Gi", retries=2)


def test_a_stage_goes_before_its_pool_and_not_into_the_default_one():
    trainer = settings().resources("trainer")
    assert trainer.accelerator == Accelerator(type="nvidia.com/gpu", count=2)
    assert (trainer.cpu, trainer.memory, trainer.retries) == ("3500m", "16G", 1)
    assert trainer.image.endswith("-gpu")


def test_node_selectors_of_pool_and_stage_are_merged():
    more = settings("kubeflow.stages={trainer: {pool: gpu, node_selector: {zone: a}}}")
    assert more.resources("trainer").node_selector == {
        "cloud.google.com/gke-accelerator": "nvidia-l4",
        "zone": "a",
    }


def test_no_retries_can_be_said():
    assert settings("kubeflow.stages.trainer.retries=0").resources("trainer").retries == 0


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (
            "kubeflow.stages.training.retries=2",
            "kubeflow.stages.training is no stage; the stages are",
        ),
        ("kubeflow.stages.trainer.pool=tpu", r"kubeflow.pools \(default, gpu\). Received: 'tpu'"),
        (
            "kubeflow.stages.trainer.cpu=two",
            r"kubeflow.stages.trainer.cpu must be cores, such as 2 .* or null. Received: 'two' \(",
        ),
        ("kubeflow.stages.trainer.memory=8GB", r"trainer.memory must be bytes.*Received: '8GB'"),
        ("kubeflow.stages.trainer.timeout=0", r"trainer.timeout must be .*Received: 0"),
        ("kubeflow.stages.trainer.timout=9", r"did you mean 'kubeflow.stages.trainer.timeout'"),
        ("kubeflow.pools.gpu.accelerator.type=gpu", r"such as nvidia.com/gpu. Received: 'gpu'"),
        ("kubeflow.volumes=[{claim: x}]", r"kubeflow.volumes\[0\] must .* at least claim and path"),
        ("kubeflow.volumes=[{claim: x, path: y}]", r"volumes\[0\].path must .* begins with /"),
        ("kubeflow.target=argo", "Received: 'argo'"),
        ("kubeflow.imge=x", "did you mean 'kubeflow.image'"),
        ("kubeflow.env={1A: x}", "a key of kubeflow.env must be a variable's name.* '1A'"),
    ],
)
def test_what_cannot_be_is_one_sentence(override, sentence):
    with pytest.raises(ConfigError, match=sentence) as raised:
        settings(override)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["image", "root", "serving"])
def test_places_are_needed_for_compiling_only(name):
    without = settings(f"kubeflow.{name}=''")
    with pytest.raises(ConfigError, match=rf"^kubeflow\.{name} must name .* nothing for {name}\."):
        require_places(without)


def test_all_places_that_are_missing_are_named_at_once_with_the_file_to_write():
    nothing = config.load("photos").config.kubeflow
    with pytest.raises(ConfigError) as refusal:
        require_places(nothing)
    for part in ("kubeflow.image must", "kubeflow.root must", "kubeflow.serving must"):
        assert part in str(refusal.value)
    assert "YAML file" in str(refusal.value)
    assert "--config" in str(refusal.value)


def test_a_label_with_dots_is_one_key_and_shown_with_its_origin():
    shown = rendering.render(config.load(CLUSTER))
    line = next(line for line in shown.splitlines() if "gke-accelerator" in line)
    assert re.match(r" +cloud\.google\.com/gke-accelerator: nvidia-l4 +# .*cluster\.yaml", line)


def test_stages_are_in_the_order_of_the_graph():
    assert STAGES[0] == "image_example_gen"
    assert STAGES[-2:] == ("pusher", "report")
