"""TensorFlow Serving's text files, and what may be set."""

from pathlib import Path

import pytest

from bitpipe.errors import ServerOptionsError
from serving.server.model_config import (
    ModelConfig,
    VersionPolicy,
    read_batching_parameters,
    read_model_config,
)
from serving.server.options import Batching, Tls


def test_models_policies_and_labels_are_read(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    file.write_text("""
      model_config_list {
        config { name: "a" base_path: "/models/a" model_platform: "tensorflow" }
        config {
          name: "b" base_path: "b"
          model_version_policy { specific { versions: 3 versions: 5 } }
          version_labels { key: "stable" value: 3 }
        }
        config { name: "c" base_path: "/c" model_version_policy { latest { num_versions: 2 } } }
        config { name: "d" base_path: "/d" model_version_policy { all {} } }
      }""")
    assert read_model_config(file) == [
        ModelConfig("a", Path("/models/a"), VersionPolicy(latest=1)),
        ModelConfig("b", tmp_path / "b", VersionPolicy(specific=(3, 5)), {"stable": 3}),
        ModelConfig("c", Path("/c"), VersionPolicy(latest=2)),
        ModelConfig("d", Path("/d"), VersionPolicy(latest=None)),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model_config_list {}", "at least one config"),
        ("nonsense: 1", "not in TensorFlow Serving's text format: .*nonsense"),
        ('model_config_list { config { name: "a" } }', "a name and a base_path"),
        ('model_config_list { config { base_path: "/a" } }', "a name and a base_path"),
        (
            'model_config_list { config { name: "a" base_path: "/a" } '
            'config { name: "a" base_path: "/b" } }',
            "Illegal to list model a multiple times",
        ),
        (
            'model_config_list { config { name: "a" base_path: "/a" model_platform: "onnx" } }',
            "unsupported platform onnx",
        ),
        (
            'model_config_list { config { name: "a" base_path: "/a" '
            "model_version_policy { specific {} } } }",
            "must name versions",
        ),
    ],
)
def test_a_wrong_file_is_named_with_its_mistake(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "models.config"
    file.write_text(text)
    with pytest.raises(ServerOptionsError, match=problem) as caught:
        read_model_config(file)
    assert str(file) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerOptionsError, match="absent cannot be read: No such file"):
        read_model_config(tmp_path / "absent")


@pytest.mark.parametrize(
    ("policy", "candidates", "limit"),
    [
        (VersionPolicy(), [5, 4, 1], 1),
        (VersionPolicy(latest=2), [5, 4, 1], 2),
        (VersionPolicy(latest=None), [5, 4, 1], None),
        (VersionPolicy(specific=(1, 4, 7)), [4, 1], None),
    ],
)
def test_a_policy_orders_what_is_found(
    policy: VersionPolicy, candidates: list[int], limit: int | None
) -> None:
    assert (policy.candidates([1, 5, 4]), policy.limit) == (candidates, limit)


def test_batching_parameters_are_read_with_their_units(tmp_path: Path) -> None:
    file = tmp_path / "batching_parameters.txt"
    file.write_text("""
      max_batch_size { value: 32 }
      batch_timeout_micros { value: 1500 }
      max_enqueued_batches { value: 4 }
      num_batch_threads { value: 2 }
      allowed_batch_sizes: 8
      allowed_batch_sizes: 32
      pad_variable_length_inputs: true
    """)
    assert read_batching_parameters(file) == Batching(32, 1.5, (8, 32), 4, 2)
    file.write_text("max_batch_size { value: 0 }")
    with pytest.raises(
        ServerOptionsError, match=r"parameters\.txt: max_batch_size must be at least 1"
    ):
        read_batching_parameters(file)


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_timeout_ms": -1},
        {"batch_timeout_ms": float("nan")},
        {"max_enqueued_batches": 0},
        {"num_batch_threads": 0},
        {"allowed_batch_sizes": (4, 8)},
        {"allowed_batch_sizes": (8, 4, 16)},
        {"allowed_batch_sizes": (0, 16)},
    ],
)
def test_contradictory_batching_is_refused(wrong: dict) -> None:
    with pytest.raises(ServerOptionsError, match=next(iter(wrong))):
        Batching(**wrong)


def test_batches_are_padded_to_the_next_allowed_size() -> None:
    batching = Batching(allowed_batch_sizes=(1, 4, 16))
    assert [batching.padded(rows) for rows in (1, 2, 4, 5, 16)] == [1, 4, 4, 16, 16]
    assert [Batching().padded(rows) for rows in (1, 2, 5)] == [1, 2, 5]


def test_tls_files_are_checked_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ServerOptionsError, match="absent cannot be read"):
        Tls(tmp_path / "absent", tmp_path / "text")
    with pytest.raises(ServerOptionsError, match="text is no PEM file"):
        Tls(tmp_path / "text", tmp_path / "absent")
