import contextlib
import io
import json
import os
import shutil

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from PIL import Image
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import local_dag_runner
from tfx.proto import range_config_pb2

from bitpipe.errors import ConfigError, DataError
from components import uncached
from components.image_example_gen import images, seen
from components.image_example_gen.component import ImageExampleGen
from components.image_example_gen.options import IngestOptions
from components.image_example_gen.sources import registry

pytestmark = pytest.mark.tfx

Execution = metadata_store_pb2.Execution
Artifact = metadata_store_pb2.Artifact

BEAM = ["--direct_running_mode=in_memory", "--direct_num_workers=1", "--sdk_container_image=unused"]


class Home:
    """A pipeline of this one node with its metadata, as the local runner of TFX runs it."""

    def __init__(self, path):
        self.root = path / "root"
        self._connection = metadata.sqlite_metadata_connection_config(str(path / "metadata.db"))

    def run(self, data, code_version="1", **options):
        node = ImageExampleGen(str(data), **options)
        node.spec.exec_properties["code_version"] = code_version
        local_dag_runner.LocalDagRunner().run(
            pipeline.Pipeline(
                pipeline_name="test",
                pipeline_root=str(self.root),
                components=[node],
                enable_cache=True,
                metadata_connection_config=self._connection,
                beam_pipeline_args=list(BEAM),
            )
        )

    def states(self):
        executions = metadata_store.MetadataStore(self._connection).get_executions()
        return [execution.last_known_state for execution in sorted(executions, key=lambda e: e.id)]

    def live_artifacts(self):
        artifacts = metadata_store.MetadataStore(self._connection).get_artifacts()
        return [a for a in artifacts if a.state == Artifact.LIVE]


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def test_an_untouched_folder_is_answered_from_the_cache(home, photos):
    home.run(photos)
    home.run(photos)

    assert home.states() == [Execution.COMPLETE, Execution.CACHED]


def test_a_moved_label_is_ingested_again(home, photos):
    home.run(photos)
    # Neither the sizes nor the times of the files change: TFX's own fingerprint stays the same.
    (photos / "ants/0.png").rename(photos / "bees/0.png")
    home.run(photos)

    assert home.states() == [Execution.COMPLETE, Execution.COMPLETE]


def test_exchanged_pictures_of_one_size_and_time_are_ingested_again(home, photos, encode):
    one, other = photos / "ants/one.bmp", photos / "bees/other.bmp"
    for path, seed in ((one, 1), (other, 2)):
        path.write_bytes(encode(seed=seed, file_format="BMP"))
        os.utime(path, ns=(10**18, 10**18))
    home.run(photos)
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    for path in (one, other):
        os.utime(path, ns=(10**18, 10**18))
    home.run(photos)

    assert home.states() == [Execution.COMPLETE, Execution.COMPLETE]


def test_a_touched_folder_is_taken_from_the_cache(home, photos):
    home.run(photos)
    for path in photos.glob("*/*"):
        os.utime(path)
    home.run(photos)

    assert home.states() == [Execution.COMPLETE, Execution.CACHED]


@pytest.mark.parametrize("in_one_process", [True, False])
def test_what_changes_between_a_look_and_the_reading_is_not_cached(
    home, photos, monkeypatch, in_one_process
):
    read, gone = images.read, photos / "ants/0.png"

    def hiccup(path, picture):
        gone.unlink(missing_ok=True)
        return read(path, picture)

    home.run(photos)
    monkeypatch.setattr(images, "read", hiccup)
    options = IngestOptions(max_pixels=10**6, max_rejected_share=0.5)  # all is read again
    with seen.kept() if in_one_process else contextlib.nullcontext():
        home.run(photos, options=options)

    marks = [uncached.PROPERTY in one.custom_properties for one in home.live_artifacts()]
    assert marks == [False, True]


def test_what_the_driver_has_listed_is_not_listed_again_in_one_process(home, photos, monkeypatch):
    listed = []
    list_pictures = registry.list_pictures

    def listing(path, options):
        listed.append(path)
        return list_pictures(path, options)

    monkeypatch.setattr(registry, "list_pictures", listing)
    with seen.kept():
        home.run(photos)
    once = len(listed)
    home.run(photos, code_version="2")

    assert (once, len(listed)) == (1, 3)


@pytest.mark.parametrize("change", [{"code_version": "2"}, {"splits": {"train": 3, "eval": 1}}])
def test_another_code_version_or_split_is_ingested_again(home, photos, change):
    home.run(photos)
    home.run(photos, **change)

    assert home.states() == [Execution.COMPLETE, Execution.COMPLETE]


def test_the_driver_and_the_executor_list_by_the_same_options(home, photos, tmp_path):
    rows = [f"{path},{path.parent.name}" for path in sorted(photos.glob("*/*"))]
    (tmp_path / "photos.csv").write_text("\n".join(["path,label", *rows]))
    for _ in range(2):
        home.run(tmp_path / "photos.csv", options=IngestOptions(source="manifest"))
    by_folder = IngestOptions(source="class_folders")
    with pytest.raises(DataError, match=r"photos\.csv, which is a file"):
        home.run(tmp_path / "photos.csv", options=by_folder)

    (examples,) = home.live_artifacts()
    assert report_of(examples)["num_examples"] == 24
    assert home.states()[:2] == [Execution.COMPLETE, Execution.CACHED]


def test_refused_data_publishes_nothing_and_leaves_the_list_of_rejected_files(home, photos):
    for n in range(20):
        (photos / "ants" / f"empty{n}.jpg").touch()
    with pytest.raises(DataError, match="20 of 44 "):
        home.run(photos)

    assert home.states() == [Execution.FAILED]
    assert home.live_artifacts() == []
    assert not list(home.root.rglob("*.gz"))
    (kept,) = home.root.rglob("rejected.jsonl")
    assert len(kept.read_text().splitlines()) == 20


def test_a_missing_folder_is_a_data_error(home, tmp_path):
    with pytest.raises(DataError, match="missing, which does not exist"):
        home.run(tmp_path / "missing")


def report_of(artifact):
    with open(f"{artifact.uri}/ingest.json") as file:  # noqa: PTH123
        return json.load(file)


def test_the_latest_span_is_ingested_or_the_one_asked_for(home, photos, tmp_path):
    data = tmp_path / "spans"
    shutil.copytree(photos, data / "span-1")
    shutil.copytree(photos, data / "span-2")
    (data / "span-2/ants/deep").mkdir()
    (data / "span-2/ants/0.png").rename(data / "span-2/ants/deep/0.png")
    (data / "span-2/ants/1.png").unlink()
    home.run(data, pattern="span-{SPAN}/*/*")
    first = range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=1, end_span_number=1)
    )
    home.run(data, pattern="span-{SPAN}/*/*", range_config=first)
    latest, earlier = sorted(home.live_artifacts(), key=lambda artifact: artifact.id)

    assert latest.custom_properties["span"].int_value == 2
    assert report_of(latest)["num_examples"] == 23
    assert earlier.custom_properties["span"].int_value == 1
    assert report_of(earlier)["num_examples"] == 24


def test_a_window_takes_the_latest_spans_that_are_there_together(home, photos, tmp_path):
    data = tmp_path / "spans"
    for number in (1, 3, 4):
        shutil.copytree(photos, data / f"of-photos/span-{number}")
        for file in (data / f"of-photos/span-{number}").rglob("*.png"):
            file.write_bytes(recoloured(file.read_bytes(), number))
    (data / "of-photos/span-3/ants/0.png").unlink()
    window = range_config_pb2.RangeConfig(rolling_range=range_config_pb2.RollingRange(num_spans=3))
    for _ in range(2):
        home.run(data, pattern="of-photos/span-{SPAN}/*/*", range_config=window)
    (examples,) = home.live_artifacts()

    assert examples.custom_properties["span"].int_value == 4
    report = report_of(examples)
    assert report["num_examples"] == 47  # of the spans 3 and 4: there is no 2, and 1 is too old
    assert set(report["classes"]) == {"ants", "bees"}
    assert report["duplicates"] == report["conflicting_duplicates"] == 0
    assert home.states() == [Execution.COMPLETE, Execution.CACHED]


def recoloured(png, number):
    """Another picture for each number, so that no span repeats another's."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.putpixel((0, 0), (number, 0, 0))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def test_a_missing_span_is_a_data_error(home, photos):
    with pytest.raises(DataError, match="must hold a span that matches the pattern"):
        home.run(photos, pattern="span-{SPAN}/*/*")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_base": ""}, "input_base must name"),
        ({"pattern": "*"}, "pattern must end in"),
        ({"pattern": "*/*.jpg"}, "pattern must end in"),
        ({"splits": {"train": 1}}, "splits must name train and eval"),
        ({"splits": {"train": 4, "eval": 0}}, "whole number >= 1"),
        ({"splits": {"train": 0.8, "eval": 0.2}}, "whole number >= 1"),
    ],
)
def test_a_wrong_argument_is_refused_at_construction(options, message):
    with pytest.raises(ConfigError) as error:
        ImageExampleGen(**{"input_base": "DIR", **options})
    assert message in str(error.value)
    assert "Received: " in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_pixels": 0}, "max_pixels must be at least 1. Received: 0"),
        ({"max_rejected_share": 1.5}, "within 0 and 1. Received: 1.5"),
    ],
)
def test_an_option_out_of_range_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        IngestOptions(**options)


def test_options_survive_the_execution_properties():
    options = IngestOptions(123_456_789, 0.25, 7, "manifest", "(?P<group>.)", "png", "kind")
    node = ImageExampleGen("DIR", options=options)
    packed = node.spec.exec_properties["custom_config"]

    assert IngestOptions.unpack(packed) == options
    assert IngestOptions.unpack(None) == IngestOptions()
