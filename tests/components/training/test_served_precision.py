"""What `export.precision` takes, and that a network too large for constants answers alike."""

import numpy as np
import pytest
import tensorflow as tf

from components import progress
from components.bit import resnet_v2
from components.training import served_precision

STRATEGY = tf.distribute.get_strategy()


@pytest.fixture
def choose(monkeypatch, tmp_path):
    def run(setting, flags="", seconds=(1.0, 1.0)):
        cpu = tmp_path / "cpuinfo"
        cpu.write_text(f"processor : 0\nflags\t\t: fpu avx512f {flags}\nbugs : bf16\n")
        times = dict(zip(("float32", "bfloat16"), seconds, strict=True))
        monkeypatch.setattr(served_precision, "_CPU", cpu)
        monkeypatch.setattr(served_precision, "network", lambda _, name: name)
        monkeypatch.setattr(served_precision, "_seconds", lambda name, _: times[name])
        monkeypatch.setattr(resnet_v2, "fold", lambda *_, **__: None)
        said = []
        with progress.listen(lambda *_: None, said=lambda _, sentence: said.append(sentence)):
            return served_precision.choose(setting, None, 224, STRATEGY), " ".join(said)

    return run


@pytest.mark.parametrize(
    ("flags", "seconds", "chosen", "said"),
    [
        ("", (9.0, 1.0), "float32", "does not multiply in bfloat16"),
        ("avx512_bf16", (3.0, 2.0), "bfloat16", "1.5 times as fast"),
        ("amx_tile amx_bf16", (3.0, 2.9), "float32", "1.0 times as fast"),
    ],
)
def test_auto_takes_bfloat16_where_the_machine_has_it_and_is_faster(
    choose, flags, seconds, chosen, said
):
    taken, sentence = choose("auto", flags, seconds)
    assert taken == chosen
    assert said in sentence


def test_what_is_asked_for_is_taken_and_a_machine_without_it_says_so(choose):
    assert choose("float32") == ("float32", "")
    taken, sentence = choose("bfloat16")
    assert taken == "bfloat16"
    assert "no time is gained" in sentence
    assert choose("bfloat16", "avx512_bf16") == ("bfloat16", "")


def test_a_network_too_large_for_constants_answers_from_its_variables(monkeypatch):
    folded = resnet_v2.fold(resnet_v2.build("R14x0.5", num_classes=3))
    head = folded.layers[-1]
    head.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in head.get_weights()])
    pictures = tf.random.uniform((2, 32, 32, 3))
    whole = folded(pictures)
    monkeypatch.setattr(served_precision, "_MOST_CONSTANT_BYTES", 0)
    variables = served_precision.network(folded, "bfloat16")
    answer = variables(pictures)
    scale = np.abs(whole).max()
    assert 1e-5 * scale < np.abs(answer - whole).max() < 0.1 * scale
    head.kernel.assign(2 * head.kernel)  # so they are read
    assert np.abs(variables(pictures) - answer).max() > 0.5 * scale


@pytest.mark.parametrize("native", [True, False])
def test_convolutions_of_bfloat16_are_widened_where_the_machine_has_no_instructions(
    monkeypatch, native
):
    folded = resnet_v2.fold(resnet_v2.build("R14x0.5", num_classes=3))
    head = folded.layers[-1]
    head.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in head.get_weights()])
    pictures = tf.random.uniform((2, 32, 32, 3))
    plain = resnet_v2.in_bfloat16(folded)(pictures)
    monkeypatch.setattr(served_precision, "multiplies_bfloat16", lambda _: native)
    answers = tf.function(served_precision.network(folded, "bfloat16"))
    traced = answers.get_concrete_function(pictures)
    kinds = {
        node.attr["T"].type
        for function in [traced.graph.as_graph_def().library.function]
        for body in function
        for node in body.node_def
        if node.op == "Conv2D"
    } | {
        op.get_attr("T").as_datatype_enum
        for op in traced.graph.get_operations()
        if op.type == "Conv2D"
    }
    assert kinds == {(tf.bfloat16 if native else tf.float32).as_datatype_enum}
    # The sums differ in the order of adding up alone.
    scale = np.abs(plain).max()
    assert np.abs(answers(pictures) - plain).max() < 0.03 * scale
    assert np.abs(folded(pictures) - plain).max() > 1e-5 * scale
