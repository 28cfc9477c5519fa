"""Lets the server that will serve a candidate load it and answer, before it is pushed."""

from __future__ import annotations

import logging
import posixpath
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, path_utils

from bitpipe.errors import DataError, ModelLoadError
from bitpipe.model import calibration, description, reference
from bitpipe.model.reference import Reference
from bitpipe.stores.paths import is_remote
from components import features
from components.serving_check import asking, servers, verdict
from components.serving_check.settings import ServingCheckSettings
from components.serving_check.verdict import Said

# Execution property: JSON of `ServingCheckSettings`.
SETTINGS_KEY = "serving_check"
# The input beyond those of TFX's InfraValidator: the Trainer's `model_run`.
MODEL_RUN_KEY = "model_run"

# What the Pusher looks for, as TFX's InfraValidator leaves it
# (tfx.components.infra_validator.executor, which would load the clients of Docker and Kubernetes).
_BLESSED_KEY = "blessed"
_BLESSED_FILE, _NOT_BLESSED_FILE = "INFRA_BLESSED", "INFRA_NOT_BLESSED"

_log = logging.getLogger(__name__)


class Executor(base_executor.BaseExecutor):
    """As TFX's InfraValidator, but the server is asked, and its answers are compared."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Fills `blessing`; a model that does not do is no error."""
        settings = msgspec.json.decode(exec_properties[SETTINGS_KEY], type=ServingCheckSettings)
        model = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
        exported = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        known = _reference(artifact_utils.get_single_uri(input_dict[MODEL_RUN_KEY]))
        # The Trainer asked before the temperature was known.
        known = known.at(calibration.read(exported).temperature)
        examples = input_dict[standard_component_specs.EXAMPLES_KEY]
        said = check(
            exported,
            known,
            list(_shown(examples, known)),
            settings,
        )
        blessing = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.BLESSING_KEY]
        )
        verdict.write(blessing.uri, said)
        name = _BLESSED_FILE if said.blessed else _NOT_BLESSED_FILE
        io_utils.write_string_file(posixpath.join(blessing.uri, name), "")
        blessing.set_int_custom_property(_BLESSED_KEY, int(said.blessed))


def check(
    model: str, known: Reference, shown: list[asking.Shown], settings: ServingCheckSettings
) -> Said:
    """Starts a server, asks it, ends it.

    Args:
        model: the SavedModel, wherever TFX can read.
        known: what the Trainer's network answered.
        shown: the pictures that it was asked about.
        settings: which server, and what is wanted of it.

    Raises:
        NoDockerError: Docker is asked for, and does not do.
    """
    words = _words(settings)
    if objection := _misdescribed(model, known):
        return Said(blessed=False, server=words, objections=(objection,))
    with tempfile.TemporaryDirectory(prefix="bitpipe-check-") as temporary:
        folder, log = Path(temporary, "models"), Path(temporary, "log")
        place = folder / servers.NAME / str(servers.VERSION)
        place.parent.mkdir(parents=True)
        starting: AbstractContextManager[servers.Server]
        if settings.server == "docker":
            # A mounted folder must hold what it holds.
            _bring(model, place, link=False)
            starting = servers.docker_server(settings.image, folder, log)
        else:
            _bring(model, place, link=True)
            starting = servers.embedded_server(folder, log)
        try:
            with starting as server:
                return _judge(server, known, shown, settings, log) if shown else _empty(server)
        except servers.NotServedError as error:
            lines = servers.last_lines(log)
            why = f"; the last that it said: {lines[-1]}" if lines else ""
            return Said(
                blessed=False,
                server=words,
                objections=(f"{words} could not load it: {error}{why}",),
                log=lines,
            )


def _judge(
    server: servers.Server,
    known: Reference,
    shown: list[asking.Shown],
    settings: ServingCheckSettings,
    log: Path,
) -> Said:
    try:
        found = asking.ask(server, shown, known.labels, settings.max_difference)
    except asking.WrongAnswerError as error:
        return Said(
            blessed=False,
            server=server.words,
            objections=(f"{server.words} loads it, but {error}",),
            pictures=len(shown),
            load_s=server.load_s,
            request=error.request,
            log=servers.last_lines(log),
        )
    median = asking.median_ms(found.seconds)
    first = 1000 * found.seconds[0]
    took = first if median is None else median
    what = f"{took:.1f} ms for a picture (median of {len(found.seconds) - 1 or 1} over gRPC, warm)"
    most = settings.max_latency_ms
    is_late = most is not None and took > most
    rule = f"{most:g} ms are allowed (serving_check.max_latency_ms)" if most is not None else ""
    answers = (
        f"{server.words} loads it in {server.load_s:.1f} s and answers {len(shown)} pictures over "
        f"gRPC and REST as the Trainer did (scores differ by {found.largest_difference:.1g} at "
        "most)"
    )
    pace = f"{server.words} takes {what}, {first:.1f} ms for the first one"
    return Said(
        blessed=not is_late,
        server=server.words,
        objections=(f"{server.words} takes {what}, and {rule}",) if is_late else (),
        sentences=(answers,) if is_late else (answers, f"{pace}{f'; {rule}' if rule else ''}"),
        pictures=len(shown),
        load_s=server.load_s,
        first_ms=first,
        latency_ms=took,
        largest_difference=found.largest_difference,
        request=f"gRPC Predict, model {servers.NAME}, {shown[-1].words}" if is_late else None,
        log=servers.last_lines(log) if is_late else (),
    )


def _words(settings: ServingCheckSettings) -> str:
    if settings.server == "docker":
        return f"TensorFlow Serving ({settings.image})"
    return "the embedded server"


def _misdescribed(model: str, known: Reference) -> str | None:
    """What is wrong with the file by which `bitpipe classify` and others read the model."""
    try:
        described = description.read(model)
    except ModelLoadError as error:
        return str(error)
    if described is None or described.labels == known.labels:
        return None
    return (
        f"{description.PLACE} names the classes {', '.join(map(repr, described.labels))}, where "
        f"the Trainer knows {', '.join(map(repr, known.labels))}"
    )


def _empty(server: servers.Server) -> Said:
    return Said(
        blessed=True,
        server=server.words,
        sentences=(f"{server.words} loads it; there is no evaluation picture to ask about",),
        load_s=server.load_s,
    )


def _bring(model: str, place: Path, *, link: bool) -> None:
    if link and not is_remote(model):
        place.symlink_to(Path(model).absolute(), target_is_directory=True)
    elif is_remote(model):
        io_utils.copy_dir(model, str(place))
    else:
        shutil.copytree(model, place)


def _reference(model_run: str) -> Reference:
    known = reference.read(model_run)
    if known is None:
        raise DataError(
            f"{model_run} holds no {reference.FILE}, which tells what the Trainer's network "
            "answers: train the model again, or set serving_check.server=off."
        )
    return known


def _shown(examples: list[types.Artifact], known: Reference) -> Iterator[asking.Shown]:
    """The pictures of the evaluation split that the Trainer was asked about."""
    wanted = {answer.sha256: answer for answer in known.answers}
    files = sorted(
        file
        for uri in artifact_utils.get_split_uris(examples, "eval")
        for file in tf.io.gfile.glob(posixpath.join(uri, "*"))
    )
    spec = {
        name: tf.io.FixedLenFeature([], tf.string) for name in (features.IMAGE, features.SHA256)
    }
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator() if wanted else ():
        found = tf.io.parse_single_example(record, spec)
        answer = wanted.pop(found[features.SHA256].numpy().decode(), None)
        if answer is not None:
            yield asking.Shown(found[features.IMAGE].numpy(), answer)
        if not wanted:
            return
