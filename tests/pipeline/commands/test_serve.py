"""What `bitpipe serve` hands to the server, and what it refuses before that."""

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import cli
from serving.server import app
from serving.server.model_config import ModelConfig
from serving.server.options import Batching, Limits, Options


@pytest.fixture
def served(monkeypatch):
    """The arguments of the server, which is not started."""
    calls = []
    monkeypatch.setattr(app, "serve", lambda *models, **settings: calls.append((models, settings)))
    return calls


def serve(*arguments):
    return CliRunner().invoke(cli, ["serve", *map(str, arguments)])


def test_defaults_are_safe(served):
    assert serve("--models", "m", "--name", "photos").exit_code == 0
    ((models, settings),) = served
    assert models == (Path("m"), "photos")
    assert settings == {"host": "127.0.0.1", "port": 8500, "rest_port": 8501, "options": Options()}


def test_options_reach_the_server(served):
    options = {
        "--rest-port": -1,
        "--max-batch-size": 8,
        "--batch-timeout-ms": 1.5,
        "--allowed-batch-sizes": "4,8",
        "--max-enqueued-batches": 3,
        "--num-batch-threads": 2,
        "--max-message-mb": 2,
        "--max-pixels": 1000,
    }
    arguments = [word for pair in options.items() for word in pair]
    result = serve("--models", "m", "--name", "photos", *arguments)
    assert result.exit_code == 0, result.output
    ((_, settings),) = served
    assert settings["rest_port"] is None
    assert settings["options"] == Options(
        batching=Batching(8, 1.5, (4, 8), 3, 2),
        limits=Limits(max_message_bytes=2 * 2**20, max_pixels=1000),
    )


def test_tensorflow_servings_files_are_read(served, tmp_path):
    models, batching = tmp_path / "models.config", tmp_path / "batching.txt"
    models.write_text('model_config_list { config { name: "a" base_path: "/models/a" } }')
    batching.write_text("max_batch_size { value: 4 }")
    result = serve("--model-config-file", models, "--batching-parameters-file", batching)
    assert result.exit_code == 0, result.output
    (((configs,), settings),) = served
    assert configs == [ModelConfig("a", Path("/models/a"))]
    assert settings["options"].batching == Batching(max_batch_size=4)


def push(folder):
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()


def test_the_only_model_of_a_folder_needs_no_name(served, tmp_path):
    push(tmp_path / "flowers" / "7")
    (tmp_path / "notes").mkdir()
    for models in (tmp_path, tmp_path / "flowers"):
        assert serve("--models", models).exit_code == 0
    assert [which for which, _ in served] == [
        (tmp_path, "flowers"),
        (tmp_path / "flowers", "flowers"),
    ]


def test_of_several_models_one_is_to_be_named(served, tmp_path):
    push(tmp_path / "birds" / "7")
    push(tmp_path / "flowers" / "7")
    result = serve("--models", tmp_path)
    assert (result.exit_code, served) == (2, [])
    assert f"{tmp_path} holds birds, flowers. Say which with --name." in result.output


def test_news_are_told_on_stderr_while_it_serves_and_no_longer(monkeypatch, tmp_path):
    push(tmp_path / "flowers" / "7")
    log = logging.getLogger("serving.server.app")

    def serving(*_, **__):
        log.info("Version 7 is in service")
        log.debug("not this")

    monkeypatch.setattr(app, "serve", serving)
    result = serve("--models", tmp_path)
    log.info("later")
    assert (result.stdout, result.stderr) == ("", "Version 7 is in service\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "Which models?"),
        (["--models", "m"], "m does not exist"),
        (["--models", "m", "--model-config-file", "f"], "not both"),
        (["--batching-parameters-file", "f", "--max-batch-size", "4"], "not both"),
        (["--allowed-batch-sizes", "a,b"], "must be numbers with commas"),
        (["--max-batch-size", "0"], "max_batch_size must be at least 1. Received: 0."),
        (["--tls-cert", "cert.pem"], "TLS needs both --tls-cert and --tls-key."),
        (["--tls-client-ca", "ca.pem"], "TLS needs both --tls-cert and --tls-key."),
        (["--tls-cert", "absent", "--tls-key", "absent"], "absent cannot be read"),
        (["--model-config-file", "absent"], "absent cannot be read"),
    ],
)
def test_contradictions_are_one_sentence_and_exit_code_2(served, arguments, text):
    result = serve(*arguments)
    assert (result.exit_code, served) == (2, [])
    assert text in result.output
