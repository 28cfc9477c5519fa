import dataclasses
import gzip
import json
import shutil
import threading
import zipfile
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
import tensorflow as tf
from PIL import Image
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from bitpipe.errors import DataError
from components import progress
from components.image_example_gen import earlier, images, kept, shard, workers
from components.image_example_gen.component import ImageExampleGen
from components.image_example_gen.executor import Executor
from components.image_example_gen.listing import ListedPicture
from components.image_example_gen.made import Made
from components.image_example_gen.options import IngestOptions
from components.image_example_gen.outcomes import AcceptedFile
from components.image_example_gen.sides import choose_split
from components.image_example_gen.sources import registry

pytestmark = pytest.mark.tfx

SHARED_PHOTOS = Path(__file__).parents[4] / "shared" / "data" / "ants_bees.zip"

# Naming any image spares the source package of TFX that TFX would build for remote workers.
BEAM = ["--direct_running_mode=in_memory", "--direct_num_workers=1", "--sdk_container_image=unused"]


@pytest.fixture
def ingest(tmp_path: Path):
    """Runs the executor as the launcher would, without metadata; returns the artifact's folder."""

    def ingest(data: Path, name="1", beam=BEAM, split_names=None, **options) -> Path:
        node = ImageExampleGen(str(data), **options)
        properties = {
            key: proto_utils.proto_to_json(value) if hasattr(value, "DESCRIPTOR") else value
            for key, value in node.spec.exec_properties.items()
            if value is not None
        }
        artifact = standard_artifacts.Examples()
        artifact.uri = str(tmp_path / "node" / "examples" / name)
        context = Executor.Context(beam_pipeline_args=list(beam), tmp_dir=str(tmp_path / "tmp"))
        Executor(context).Do({}, {"examples": [artifact]}, properties)
        expected = split_names or list(options.get("splits", ("train", "eval")))
        assert json.loads(artifact.split_names) == expected
        return Path(artifact.uri)

    return ingest


def records(folder: Path, split: str) -> list[dict[str, bytes]]:
    files = sorted(str(path) for path in (folder / f"Split-{split}").iterdir())
    found = []
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        found.append(
            {name: feature[name].bytes_list.value[0] for name in ("filename", "label", "sha256")}
        )
    return found


def filenames(folder: Path, split: str) -> list[str]:
    return [record["filename"].decode() for record in records(folder, split)]


def record(path, label, split=None):
    return ListedPicture(path, label, split, 1, 1, "class_folders")


def rejected(path: Path) -> dict[str, str]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["filename"] for line in lines] == sorted(line["filename"] for line in lines)
    return {line["filename"]: line["reason"] for line in lines}


def test_every_picture_becomes_one_example_and_the_report_agrees(photos, ingest):
    out = ingest(photos)
    train, evaluation = records(out, "train"), records(out, "eval")
    facts = json.loads((out / "ingest.json").read_text())

    assert sorted(filenames(out, "train") + filenames(out, "eval")) == sorted(
        f"{path.parent.name}/{path.name}" for path in photos.glob("*/*")
    )
    assert facts["splits"] == {"train": len(train), "eval": len(evaluation)}
    for split, found in [("train", train), ("eval", evaluation)]:
        counts = Counter(record["label"].decode() for record in found)
        assert {label: n[split] for label, n in facts["classes"].items()} == counts
    assert sorted(path.name for path in out.iterdir()) == [
        "Split-eval",
        "Split-train",
        "ingest.json",
        "pictures.jsonl",
        "rejected.jsonl",
        "repeated.jsonl",
    ]


def test_two_runs_write_the_same_examples(photos, ingest):
    one, two = ingest(photos, "1"), ingest(photos, "2")

    for split in ("Split-train", "Split-eval"):
        (a,), (b,) = (one / split).iterdir(), (two / split).iterdir()
        assert gzip.decompress(a.read_bytes()) == gzip.decompress(b.read_bytes())


def contents(folder: Path) -> dict[str, bytes]:
    """The records of each file, and the other files, but for what is written for the next run."""
    return {
        str(path.relative_to(folder)): gzip.decompress(path.read_bytes())
        if path.suffix == ".gz"
        else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def alter(photos: Path, encode) -> list[str]:
    """One night's changes; the files that are new then, by what is in them."""
    (photos / "bees/late.png").write_bytes(encode(seed=99))  # new
    (photos / "ants/3.png").write_bytes(encode(seed=98))  # another picture by the same name
    (photos / "ants/4.png").unlink()
    (photos / "ants/5.png").rename(photos / "bees/5.png")  # a corrected label
    (photos / "ants/0.png").unlink()  # so that its copy, which was left out, is an example now
    (photos / "bees/mended.png").write_bytes(encode(seed=97))  # was rejected
    return ["ants/3.png", "bees/5.png", "bees/late.png", "bees/mended.png"]


def test_the_next_night_reads_what_is_new_and_writes_what_a_first_run_would(
    photos, ingest, encode, monkeypatch, tmp_path
):
    shutil.copy(photos / "ants/0.png", photos / "ants/copy.png")
    (photos / "bees/mended.png").write_text("no picture yet")
    (photos / "bees/never.png").write_text("no picture")
    for number in range(3):
        picture = Image.effect_mandelbrot((96, 72), (-1, -1, 1, 1 + number), 50).convert("RGB")
        picture.save(photos / f"bees/like {number}.png")
        picture.save(photos / f"bees/like {number}.jpg", quality=50)
    options = IngestOptions(max_rejected_share=0.5)
    ingest(photos, "1", options=options)
    renamed = photos / "ants/1.png"
    shutil.copy2(renamed, tmp_path / "same")  # touched, and the same
    (tmp_path / "same").replace(renamed)
    new = alter(photos, encode)
    read = []
    read_file = images.read
    monkeypatch.setattr(
        images, "read", lambda path, one: read.append(one.path) or read_file(path, one)
    )

    nightly = ingest(photos, "2", options=options)
    (tmp_path / "node").rename(tmp_path / "elsewhere")
    nightly = tmp_path / "elsewhere" / nightly.relative_to(tmp_path / "node")
    # The copy that was left out has no record yet; its shard is written once more for it.
    assert sorted(set(read)) == sorted([*new, "ants/copy.png"])
    read.clear()
    fresh = ingest(photos, "2", options=options)
    assert len(read) > 20
    assert contents(nightly) == contents(fresh)


@pytest.mark.parametrize("harm", ["cut", "swapped", "gone", "index", "other code"])
def test_what_is_damaged_or_of_other_code_is_read_again(photos, ingest, harm, monkeypatch):
    before = ingest(photos, "1")
    (train,), (evaluation,) = ((before / f"Split-{s}").iterdir() for s in ("train", "eval"))
    if harm == "cut":
        train.write_bytes(train.read_bytes()[:1000])
    elif harm == "swapped":
        shutil.copy(evaluation, train)
    elif harm == "gone":
        train.unlink()
    elif harm == "index":
        (before / "pictures.jsonl").write_text((before / "pictures.jsonl").read_text()[:2000])
    else:
        monkeypatch.setattr(earlier, "code_version", lambda _: "another")
        monkeypatch.setattr(kept.Records, "read", None)  # not even looked at
    after = contents(ingest(photos, "2"))
    shutil.rmtree(before.parent)

    assert after == contents(ingest(photos, "3"))


def test_a_process_that_is_killed_amid_its_work_costs_no_record(photos, ingest, monkeypatch):
    alone = contents(ingest(photos, "1"))
    shutil.rmtree(photos.parent / "node")
    monkeypatch.setattr(shard, "MAX_FILES", 2)
    monkeypatch.setattr(workers, "worthwhile", lambda _, number: number)
    helped, killed = threading.Event(), threading.Event()
    read_file = images.read

    def read(path, picture):  # in this process only: waits until the other one has its turn
        assert killed.wait(300)
        return read_file(path, picture)

    monkeypatch.setattr(images, "read", read)

    def kill():
        helped.wait(300)
        for child in psutil.Process().children():
            child.kill()
        killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    with progress.listen(lambda _, done, __, ___: helped.set() if done else None):
        out = ingest(photos, "1", beam=[*BEAM, "--direct_num_workers=2"])
    killer.join()

    assert helped.is_set()
    assert len(list((out / "Split-train").iterdir())) > 5
    for split in ("train", "eval"):
        written = sorted((out / f"Split-{split}").iterdir())
        (expected,) = (data for name, data in alone.items() if f"Split-{split}" in name)
        assert b"".join(gzip.decompress(file.read_bytes()) for file in written) == expected
    assert json.loads((out / "ingest.json").read_text()) == json.loads(alone["ingest.json"])


def test_pictures_in_a_store_are_known_by_size_and_time(photos):
    one = ListedPicture("ants/0.png", "ants", None, 9, 7, "class_folders")
    outcome = AcceptedFile("ants/0.png", "ants", "train", "0" * 64, changed=False)
    made = Made(label="ants", size=9, mtime_ns=7, content="c", accepted=outcome)
    before = earlier.Earlier({made.name: (made, None)}, "gs://bucket")

    assert before.find(one, "gs://bucket", None) == (made, None)
    assert before.find(one, "gs://other", None) is None
    assert before.find(msgspec.structs.replace(one, size=8), "gs://bucket", None) is None
    assert before.find(msgspec.structs.replace(one, mtime_ns=8), "gs://bucket", None) is None
    assert before.find(msgspec.structs.replace(one, label="bees"), "gs://bucket", None) is None
    assert before.find(msgspec.structs.replace(one, mtime_ns=8), "/disk", "c") == (made, None)
    assert before.find(one, "gs://bucket", "d") is None
    assert before.find(one, "gs://bucket", "") is None  # could not be read


def test_added_pictures_leave_the_others_on_their_side(photos, ingest, encode):
    before = ingest(photos, "1")
    for seed in range(100, 120):
        (photos / "ants" / f"{seed}.png").write_bytes(encode(seed=seed))
    out = ingest(photos, "2")

    for split in ("train", "eval"):
        assert set(filenames(before, split)) <= set(filenames(out, split))


@pytest.mark.parametrize("rule", ["keep", "drop"])
def test_copies_of_a_picture_stay_on_one_side_or_are_left_out(photos, ingest, rule):
    for path in sorted(photos.glob("*/*.png")):
        other = "bees" if path.parent.name == "ants" else "ants"
        shutil.copy(path, path.with_name(f"copy of {path.name}"))
        (photos / other / "deep").mkdir(exist_ok=True)
        pixels = tf.io.decode_png(path.read_bytes())
        tf.io.write_file(str(photos / other / "deep" / path.name), tf.io.encode_png(pixels, 0))
    out = ingest(photos, options=IngestOptions(duplicates=rule, conflicts="keep"))
    digests = {split: {r["sha256"] for r in records(out, split)} for split in ("train", "eval")}
    facts = json.loads((out / "ingest.json").read_text())

    assert facts["num_examples"] == {"keep": 72, "drop": 48}[rule]
    assert facts["left_out"] == 72 - facts["num_examples"]
    assert len(filenames(out, "train") + filenames(out, "eval")) == facts["num_examples"]
    assert len(digests["train"] | digests["eval"]) == 24
    assert not digests["train"] & digests["eval"]
    assert facts["duplicates"] == 48
    assert facts["conflicting_duplicates"] == 24
    kinds = [json.loads(line)["kind"] for line in (out / "repeated.jsonl").read_text().splitlines()]
    assert kinds == ["conflict"] * 24 + ["duplicate"] * 24


def test_pictures_in_two_classes_are_left_out_of_both(photos, ingest):
    shutil.copy(photos / "ants/0.png", photos / "bees/again.png")
    out = ingest(photos)
    names = filenames(out, "train") + filenames(out, "eval")

    assert not {"ants/0.png", "bees/again.png"} & set(names)
    assert len(names) == 23
    with pytest.raises(DataError, match=r"ants/0\.png = bees/again\.png; correct the labels"):
        ingest(photos, "2", options=IngestOptions(conflicts="error"))


def test_pictures_that_look_the_same_and_those_of_a_group_are_on_one_side(tmp_path, ingest):
    for index in range(40):
        noise = np.random.default_rng(index).integers(0, 256, (6, 8, 3), np.uint8)
        picture = Image.fromarray(noise).resize((96, 72), Image.Resampling.BICUBIC)
        folder = tmp_path / "data" / "ab"[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{index:02}_p{index % 8}.png")
        picture.save(folder / f"{index:02}_p{index % 8}.jpg", quality=50)
    plain = ingest(tmp_path / "data", "1")
    by_patient = IngestOptions(group=r"_(?P<group>p\d)")
    grouped = ingest(tmp_path / "data", "2", options=by_patient)

    for out, key in ((plain, slice(0, 4)), (grouped, slice(4, 7))):
        sides = [{name[key] for name in filenames(out, split)} for split in ("train", "eval")]
        assert all(sides)
        assert not sides[0] & sides[1]
        assert json.loads((out / "ingest.json").read_text())["near_duplicates"] == 40


def test_a_split_of_its_own_goes_before_the_group_and_that_before_the_pixels():
    buckets = {"train": 4, "eval": 1}
    digests = [f"{n:064x}" for n in range(50)]
    by_pixels = {choose_split(record("a/1", "a"), digest, buckets) for digest in digests}
    grouped = msgspec.structs.replace(record("a/1", "a"), group="patient 1")
    by_group = {choose_split(grouped, digest, buckets) for digest in digests}
    own = msgspec.structs.replace(grouped, split="x")
    given = {choose_split(own, digest, buckets) for digest in digests}

    assert by_pixels == {"train", "eval"}
    assert len(by_group) == 1
    assert given == {"x"}


def test_bad_files_are_left_out_and_listed_with_reasons(photos, ingest, encode):
    whole = encode(size=(64, 64), file_format="JPEG")
    (photos / "ants/empty.jpg").touch()
    (photos / "ants/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "bees/Ü text.jpg").write_text("not a picture")
    (photos / "bees/gone.jpg").symlink_to(photos / "nowhere.jpg")
    (photos / "bees/labels.csv").write_text("1.png,bee")
    out = ingest(photos, options=IngestOptions(max_rejected_share=0.2))
    reasons = rejected(out / "rejected.jsonl")

    assert "empty" in reasons["ants/empty.jpg"]
    assert "truncated" in reasons["ants/cut.jpg"]
    assert "it is a text" in reasons["bees/Ü text.jpg"]
    assert "No such file" in reasons["bees/gone.jpg"]
    assert len(reasons) == 4
    assert len(filenames(out, "train") + filenames(out, "eval")) == 24
    facts = json.loads((out / "ingest.json").read_text())
    assert facts["rejected"] == 4
    assert facts["skipped"] == 1
    found = sum(name.is_file() or name.is_symlink() for name in photos.glob("*/*"))
    assert found == facts["num_examples"] + facts["rejected"] + facts["skipped"]


def test_too_many_bad_files_stop_the_run_and_their_list_survives(photos, ingest, tmp_path):
    for n in range(5):
        (photos / "ants" / f"empty{n}.jpg").touch()
    with pytest.raises(DataError, match="5 of 29 ") as error:
        ingest(photos, "7", options=IngestOptions(max_rejected_share=0.1))
    kept = tmp_path / "node" / "rejected" / "7" / "rejected.jsonl"

    assert str(kept) in str(error.value)
    assert len(rejected(kept)) == 5
    assert not (tmp_path / "node/examples/7/ingest.json").exists()


def test_classes_that_cannot_have_a_picture_on_each_side_are_named(
    photos, ingest, encode, tmp_path
):
    for label, count in (("flies", 3), ("wasps", 1)):
        (photos / label).mkdir()
        for n in range(count):
            (photos / label / f"{n}.png").write_bytes(encode(seed=ord(label[0])))
    with pytest.raises(
        DataError,
        match="'flies' with 1 readable picture beside 2 that are copies or in other classes, too; "
        "'wasps' with 1 readable picture in",
    ):
        ingest(photos, "7")
    kept = (tmp_path / "node/rejected/7/repeated.jsonl").read_text()
    assert json.loads(kept)["filenames"] == ["flies/0.png", "flies/1.png", "flies/2.png"]
    with pytest.raises(DataError, match="'flies' with 3 readable pictures that all belong tog"):
        ingest(photos, options=IngestOptions(duplicates="keep"))


def test_small_classes_have_a_picture_on_each_side_and_all_keep_their_order(
    ingest, encode, tmp_path
):
    for index in range(60):
        path = tmp_path / "data" / f"class {index // 2}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(seed=index))
    out = ingest(tmp_path / "data")
    facts = json.loads((out / "ingest.json").read_text())
    listing = registry.list_pictures(str(tmp_path / "data"))
    order = [picture.path for part in shard.plan(listing.pictures) for picture in part.pictures]

    assert set(map(str, facts["classes"].values())) == {"{'train': 1, 'eval': 1}"}
    assert 10 < facts["moved"] < 30  # of 30 classes, 68 % have both pictures on one side
    for split in ("train", "eval"):
        found = filenames(out, split)
        assert found == [path for path in order if path in found]
    assert not (out / "unfinished").exists()


def test_an_empty_folder_and_a_missing_one_are_data_errors(tmp_path, ingest):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no picture in any class folder"):
        ingest(tmp_path / "empty")
    with pytest.raises(DataError, match="does not exist"):
        ingest(tmp_path / "missing")


def test_odd_names_and_a_third_split_come_through(tmp_path, ingest, encode):
    for index in range(60):
        path = tmp_path / "data" / ["a b,c;'{}", "猫"][index % 2] / f"Größe {index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(seed=index))
    out = ingest(tmp_path / "data", splits={"train": 2, "eval": 1, "test": 1})
    found = [record for split in ("train", "eval", "test") for record in records(out, split)]

    assert {record["label"].decode() for record in found} == {"a b,c;'{}", "猫"}
    assert len(found) == 60
    assert records(out, "test")


@pytest.fixture
def give(monkeypatch):
    """Gives every other listed picture this split; lists as the executor will."""
    list_pictures = registry.list_pictures

    def give(split):
        def listed(*arguments):
            listing = list_pictures(*arguments)
            given = [
                msgspec.structs.replace(picture, split=split) for picture in listing.pictures[::2]
            ]
            return dataclasses.replace(listing, pictures=(*given, *listing.pictures[1::2]))

        monkeypatch.setattr(registry, "list_pictures", listed)
        return listed

    return give


@pytest.mark.parametrize("split", ["train", "eval"])
def test_pictures_with_a_split_of_their_own_land_there(photos, ingest, give, encode, split):
    for seed in range(100, 130):  # in both splits, so that each class has one in either
        (photos / f"{('ants', 'bees')[seed % 2]}/{seed}.png").write_bytes(encode(seed=seed))
    by_content = ingest(photos, "1")
    listing = give(split)(str(photos))
    given = {picture.path for picture in listing.pictures if picture.split}
    left = {picture.path for picture in listing.pictures} - given
    out = ingest(photos, "2")

    assert given
    assert given <= set(filenames(out, split))
    for name in ("train", "eval"):
        assert left & set(filenames(out, name)) == left & set(filenames(by_content, name))


def test_a_split_that_the_data_do_not_have_is_a_data_error(photos, ingest, give):
    give("val")
    with pytest.raises(DataError, match=r"one of train, eval\. Received: 'val' for 'ants/0\.png'"):
        ingest(photos)


@pytest.mark.parametrize("packed", [False, True])
def test_given_splits_are_kept_and_test_is_a_third_one(tmp_path, ingest, encode, packed):
    for index in range(36):
        split, label = ("train", "valid", "test")[index % 3], "ab"[index % 2]
        path = tmp_path / "data" / split / label / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(seed=index))
    data = tmp_path / "data"
    if packed:
        data = Path(shutil.make_archive(str(data), "zip", tmp_path, "data"))
    out = ingest(data, split_names=["train", "eval", "test"])

    for split, folder in (("train", "train/"), ("eval", "valid/"), ("test", "test/")):
        assert len(filenames(out, split)) == 12
        assert all(name.startswith(folder) for name in filenames(out, split))
    facts = json.loads((out / "ingest.json").read_text())
    assert facts["splits"] == {"train": 12, "eval": 12, "test": 12}
    assert "test is kept out of training and of the gate" in facts["source"]


def test_progress_is_reported_in_this_process(photos, ingest):
    heard = []
    with progress.listen(lambda *report: heard.append(report[:3])):
        ingest(photos)

    assert heard[0] == ("ImageExampleGen", 0, 24)
    assert heard[-1] == ("ImageExampleGen", 24, 24)
    assert heard == sorted(heard)


def test_beams_job_server_writes_what_this_process_writes(tmp_path, ingest, encode):
    for index in range(shard.MAX_FILES + 88):
        path = tmp_path / "data" / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(seed=index, size=(2, 2)))
    here = contents(ingest(tmp_path / "data"))
    shutil.rmtree(tmp_path / "node")  # else nothing would be left to do
    portable = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]
    there = contents(ingest(tmp_path / "data", beam=[*portable, BEAM[2]]))

    assert len([name for name in there if name.endswith("of-00002.gz")]) == 4
    assert there == here


@pytest.mark.skipif(not SHARED_PHOTOS.exists(), reason="needs the photographs of ../shared/data")
def test_real_photographs_pass_unchanged(tmp_path, ingest):
    with zipfile.ZipFile(SHARED_PHOTOS) as archive:
        archive.extractall(tmp_path, [n for n in archive.namelist() if "/val/" in n])
    out = ingest(tmp_path / "ants_bees/val")
    facts = json.loads((out / "ingest.json").read_text())

    assert facts["num_examples"] == 153
    assert facts["rejected"] == facts["changed"] == 0
