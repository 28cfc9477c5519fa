"""Layers, checks and rendering of the configuration."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from bitpipe.errors import ConfigError
from pipeline.settings import config, mistakes, rendering, shipped


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_the_defaults_leave_the_hyperrule_untouched():
    defaults = config.Config()
    assert defaults.train.hyperrule_overrides() == {}
    assert (defaults.model.backbone, defaults.train.batch_size) == ("bit-m-r50x1", 512)


@pytest.mark.parametrize("name", shipped.names())
def test_every_shipped_configuration_loads_and_says_its_command(name):
    effective = config.load(name)
    assert effective.config.name == name
    assert f"--config {name}" in (shipped.FOLDER / f"{name}.yaml").read_text()
    assert shipped.headline(name)


def test_the_real_configuration_overrides_nothing_of_the_rule():
    train = config.load("bit-m-r50x1").config.train
    assert train.hyperrule_overrides() == {}
    assert train.batch_size == 512


def test_set_wins_over_the_file_and_the_last_one_wins(tmp_path):
    file = write(tmp_path / "c.yaml", "train: {steps: 7, batch_size: 8}\n")
    effective = config.load(file, ["train.steps=9", "train.steps=11"])
    assert effective.config.train.steps == 11
    assert effective.config.train.batch_size == 8
    assert effective.origins["train.steps"] == "--set train.steps=11"
    assert effective.origins["train.batch_size"] == file
    assert effective.origins["train.seed"] == "default"


def test_a_group_given_whole_replaces_what_the_file_said(tmp_path):
    file = write(tmp_path / "c.yaml", "train: {steps: 7}\n")
    effective = config.load(file, ["train={batch_size: 4}"])
    assert effective.config.train.steps is None
    assert effective.origins["train.steps"] == "default"


def test_scientific_notation_is_a_number():
    assert config.load("smoke", ["train.learning_rate=1e-3"]).config.train.learning_rate == 1e-3


def test_off_is_a_word_wherever_a_setting_takes_it(tmp_path):
    """Of a file and of --set; YAML 1.1 reads false."""
    file = write(tmp_path / "c.yaml", "checks: {small_pictures: off}\n")
    found = config.load(file, ["serving_check.server=off"]).config
    assert (found.checks.small_pictures, found.serving_check.server) == ("off", "off")
    with pytest.raises(ConfigError, match=r"train\.method must be"):
        config.load(file, ["train.method=off"])


def test_a_target_that_cannot_look_up_what_is_served_cannot_start_from_it():
    with pytest.raises(ConfigError, match=r"Set it to upstream, or kubeflow\.target"):
        config.load("smoke", ["kubeflow.target=vertex", "train.warm_start=served"])


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("train.lerning_rate=1", "did you mean 'train.learning_rate'"),
        ("steps=1", "did you mean 'train.steps'"),
        ("trian.steps=1", "did you mean 'train"),
        ("gate.zzz=1", "known keys: gate.metric, gate.min_accuracy"),
        (
            "zzz=1",
            "known keys: name, data, checks, model, train, export, gate, serving_check, "
            "keep_versions, kubeflow, beam (",
        ),
        (
            "train.steps=many",
            "train.steps must be a whole number from 1 to 2147483647, or null. "
            "Received: 'many' (from --set train.steps=many)",
        ),
        ("train.crop=4", "train.crop must be a whole number from 8 to 4096, or null."),
        ("train.seed=null", "Received: null (from"),
        ("train.precision=float16", "one of auto, float32, mixed_bfloat16, mixed_float16."),
        ("train.jit_compile=2", "must be true or false, or null."),
        ("data.pattern=a", "must be text that ends in */* (class folder, file)"),
        ("beam=x", "beam must be"),
        ("beam.runner=flnk", "must be one of dataflow, flink, local, portable, spark."),
        (
            "beam.job_endpoint=here",
            "must be host:port with a port from 1 to 65535, such as",
        ),
        ("beam.job_endpoint=a:1", "runner=local takes beam.options alone. Received: beam.job_end"),
        ("beam.options=[-x]", "must be an option of Beam, such as --job_name=nightly"),
        ("beam.options=['--job_name nightly']", "options[0] must be an option of Beam, such as"),
        ("beam.options=[--runner=FlinkRunner]", "not repeat what a setting says. Received: '--r"),
        ("beam.options=[--direct_num_workers=4]", "set data.workers instead."),
        ("beam.options=[--job_nam=a]", "Beam has no option --job_nam; did you mean --job_name?"),
        ("beam.options=[--strange]", "Beam has no option --strange; remove it."),
        ("beam.worker_pool=a:0", "with a port from 1 to 65535"),
        ("beam.job_endpoint=a:65536", "with a port from 1 to 65535"),
        ("beam.image=my image", "beam.image must be a container image, such as"),
        ("beam.temp_location=s3://b", "beam.temp_location must be an address such as gs://bucket"),
        ("beam.region=Europe West", "beam.region must be a name of Google Cloud, in small let"),
        ("beam.runner=flink", "needs beam.job_endpoint. Received: nothing of it; set it."),
        ("beam={runner: spark, job_endpoint: 'a:1'}", "either beam.image, which workers start"),
        (
            "beam={runner: portable, job_endpoint: 'a:1', image: a, worker_pool: 'b:2'}",
            "Received: both; set one of them.",
        ),
        (
            "beam={runner: dataflow, image: a, region: b}",
            "needs beam.project and beam.temp_location. Received: beam.image, beam.region; set th",
        ),
        ("data.workers=0", "data.workers must be a whole number from 1 to 2147483647, or null."),
        ("train.steps=0", "Received: 0"),
        ("train.steps=99999999999999999999", "from 1 to 2147483647, or null. Received: 9999"),
        ("train.learning_rate=-1", "Received: -1"),
        ("train.learning_rate=.inf", "train.learning_rate must be a finite number. Received: inf"),
        ("train.learning_rate=.nan", "train.learning_rate must be"),
        ("train.learning_rate=inf", "train.learning_rate must be a finite number. Received: inf"),
        ("train.learning_rate=nan", "train.learning_rate must be"),
        ("train.mixup_alpha=.inf", "train.mixup_alpha must be a finite number. Received: inf"),
        ("train.minutes=.inf", "train.minutes must be a finite number. Received: inf"),
        ("data.max_megapixels=.nan", "data.max_megapixels must be"),
        ("train.patience=3", "set train.keep_best=true with it"),
        ("train.method=probing", "one of auto, fine_tune, probe, probe_then_fine_tune."),
        ("gate.min_accuracy=97", "Received: 97"),
        ("gate.min_accuracy=.nan", "Received: nan"),
        ("gate.max_calibration_error=0", "above 0"),
        ("gate.significance=0", "above 0"),
        ("gate.significance=2", "a number above 0.0 and at most 1.0. Received: 2"),
        ("gate.reject_below=1", "a number above 0.0 and below 1.0"),
        ("keep_versions=0", "a whole number from 1 to 2147483647, or null"),
        ("gate.metric=f1", "Received: 'f1'"),
        ("serving_check.server=torch", "Received: 'torch'"),
        ("serving_check.max_latency_ms=0", "above 0"),
        ("serving_check.image=-v", "tensorflow/serving:2.20.0"),
        ("model.variant=R50x2", "did you mean"),
        ("name=../up", "Received: '../up'"),
        ("train.boundaries=[30, 20]", "ascending"),
        ("train.boundaries=[30, x]", "train.boundaries[1] must be a whole number from 1 to 2"),
        ("train.label_safe=no", "train.label_safe"),
        ("name.first=x", "name"),
        ("train.steps", "key=value"),
        ("train.steps=[", "not valid YAML"),
    ],
)
def test_a_bad_override_is_refused_with_what_was_received(override, complaint):
    with pytest.raises(ConfigError) as refusal:
        config.load("smoke", [override])
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)
    # Neither types of Python nor regular expressions.
    assert not any(sign in str(refusal.value) for sign in ("`", "int |", "float |", "^"))


def whole_numbers(kind, key=""):
    """Keys and types of all settings that take a whole number, from msgspec's account of them."""
    match kind:
        case inspect.IntType():
            yield key, kind
        case inspect.StructType(fields=fields):
            for field in fields:
                yield from whole_numbers(field.type, f"{key}.{field.name}")
        case inspect.UnionType(types=types):
            for one in types:
                yield from whole_numbers(one, key)
        case inspect.Metadata(type=inner):
            yield from whole_numbers(inner, key)
        case inspect.VarTupleType(item_type=inner) | inspect.DictType(value_type=inner):
            yield from whole_numbers(inner, f"{key}[]")


def test_no_whole_number_is_more_than_what_frameworks_count_to():
    found = dict(whole_numbers(inspect.type_info(config.Config)))
    assert len(found) > 20
    unlimited = [key for key, kind in found.items() if kind.le is None]
    assert all(key.endswith(".memory") for key in unlimited)  # bytes


@given(
    key=st.sampled_from([key for key in config.load("smoke").origins if key != "model.variant"]),
    value=st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(st.text()),
)
def test_whatever_value_is_refused_the_sentence_begins_with_its_key(key, value):
    *groups, leaf = key.split(".")
    tree = {leaf: value}
    for group in reversed(groups):
        tree = {group: tree}
    try:
        msgspec.convert(tree, config.Config, strict=False)
    except msgspec.ValidationError:
        sentence = mistakes.explain(config.Config, tree, {key: "there"}, [key])
        assert re.match(rf"{re.escape(key)}(\[\d+\])? must be ", sentence)
        assert sentence.endswith(" (from there).")


def test_epochs_take_the_place_of_the_files_steps_and_the_other_way_round():
    effective = config.load("smoke", ["train.epochs=2.5"])
    assert (effective.config.train.steps, effective.config.train.epochs) == (None, 2.5)
    assert effective.origins["train.steps"] == "--set train.epochs=2.5"
    train = config.load("photos", ["train.steps=7"]).config.train
    assert (train.steps, train.epochs) == (7, None)


def test_steps_and_epochs_at_once_are_refused(tmp_path):
    complaint = "train.steps and train.epochs say the same in two ways"
    with pytest.raises(ConfigError, match=complaint):
        config.load("smoke", ["train.epochs=3", "train.steps=5"])
    with pytest.raises(ConfigError, match=complaint):
        config.load(write(tmp_path / "c.yaml", "train: {steps: 7, epochs: 2}\n"))


def test_crop_larger_than_resize_is_refused():
    with pytest.raises(ConfigError, match="crop 64, resize 32"):
        config.load("smoke", ["train.crop=64", "train.resize=32"])


def test_a_micro_batch_that_does_not_divide_the_batch_is_refused():
    with pytest.raises(ConfigError, match="7 and 32"):
        config.load("photos", ["train.batch_size=32", "train.micro_batch_size=7"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [", "line"),
        ("- a\n", "Received: list"),
        ("train: {lrr: 1}", "'train.lrr'"),
        ("\x00", "not valid YAML"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path, text, complaint):
    file = write(tmp_path / "bad.yaml", text)
    with pytest.raises(ConfigError) as refusal:
        config.load(file)
    assert complaint in str(refusal.value)
    assert "bad.yaml" in str(refusal.value)


def test_a_file_in_another_encoding_is_refused_in_words(tmp_path):
    (tmp_path / "c.yaml").write_bytes("name: café".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"c\.yaml is not text in UTF-8: save it as such\.$"):
        config.load(str(tmp_path / "c.yaml"))


def test_an_unknown_configuration_names_the_shipped_ones():
    with pytest.raises(ConfigError, match="smoke"):
        config.load("no-such")


def test_a_shipped_configuration_with_an_ending_is_told_apart_from_a_file():
    with pytest.raises(ConfigError, match=r"no such file; .* comes with bitpipe is 'photos'"):
        config.load("photos.yaml")


def test_every_line_of_a_shown_configuration_fits_a_terminal():
    for name in shipped.names():
        shown = rendering.render(config.load(name, ["train.boundaries=[10, 20]"]))
        assert max(map(len, shown.splitlines())) <= 80
        assert f"# the configuration {name}" in shown


def test_an_empty_file_is_all_defaults(tmp_path):
    assert config.load(write(tmp_path / "c.yaml", "")).config == config.Config()


@given(
    steps=st.none() | st.integers(1, 10**6),
    rate=st.none() | st.floats(1e-6, 10, allow_nan=False),
    flip=st.booleans(),
    floor=st.floats(0, 1),
)
def test_what_show_prints_can_be_loaded_again(tmp_path_factory, steps, rate, flip, floor):
    overrides = [
        f"train.steps={yaml.safe_dump(steps).split()[0]}",
        f"train.learning_rate={yaml.safe_dump(rate).split()[0]}",
        f"train.label_safe.flip={str(flip).lower()}",
        f"gate.min_accuracy={floor!r}",
    ]
    first = config.load("smoke", overrides)
    file = tmp_path_factory.mktemp("shown") / "shown.yaml"
    again = config.load(write(file, rendering.render(first)))
    assert again.config == first.config
    assert again.config.gate.min_accuracy == floor


def test_a_window_of_spans_wants_spans():
    with pytest.raises(ConfigError, match=r"data\.span_window wants a \{SPAN\}.*Received: 3"):
        config.load("smoke", ["data.span_window=3"])
    spans = ["data.span_window=3", "data.pattern=span-{SPAN}/*/*"]
    assert config.load("smoke", spans).config.data.has_spans


@pytest.mark.parametrize("written", ["off", '"off"', "false"])
def test_a_check_is_switched_off_by_the_word_that_yaml_takes_for_false(tmp_path, written):
    file = tmp_path / "some.yaml"
    file.write_text(f"checks: {{imbalance: {written}}}\n")
    assert config.load(str(file)).config.checks.imbalance == "off"
    found = config.load(str(file), ["checks.one_size=off", "checks.imbalance=fail"]).config.checks
    assert (found.one_size, found.imbalance) == ("off", "fail")


def test_an_unknown_severity_is_refused():
    with pytest.raises(
        ConfigError, match=r"checks\.imbalance must be .*'?off'?.*Received: 'error'"
    ):
        config.load("smoke", ["checks.imbalance=error"])


def test_a_head_that_is_asked_for_has_its_own_schedule_in_place_of_the_files():
    assert config.load("photos").config.train.epochs == 6
    asked = config.load("photos", ["train.method=probe"])
    train = asked.config.train
    assert (train.epochs, train.learning_rate, train.eval_size) == (None, None, 256)
    assert asked.origins["train.epochs"] == "--set train.method=probe"
    given = ["train.steps=50", "train.method=probe", "train.learning_rate=0.1"]
    train = config.load("photos", given).config.train
    assert (train.steps, train.learning_rate) == (50, 0.1)


def test_a_longest_side_that_crops_would_notice_is_refused():
    with pytest.raises(ConfigError, match=r"at least 1024, twice the HyperRule's largest resize"):
        config.load("bit-m-r50x1", ["data.longest_side=1000"])
    with pytest.raises(
        ConfigError, match=r"at least 512, twice train.eval_size 256.*Received: 511"
    ):
        config.load("photos", ["data.longest_side=511"])
    assert config.load("photos", ["data.longest_side=512"]).config.data.longest_side == 512
    with pytest.raises(ConfigError, match=r"at least 512, twice train.resize 256"):
        config.load("laptop", ["data.longest_side=400"])
    with pytest.raises(
        ConfigError, match=r"at least 600, twice train.eval_size 300.*Received: 416"
    ):
        config.load("photos", ["data.longest_side=416", "train.eval_size=300"])
