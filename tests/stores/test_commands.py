"""Commands with pictures, answers and models in a store; and one that fails on the way."""

import json
import re

import pytest
from click.testing import CliRunner

from bitpipe.errors import StoreError
from bitpipe.stores.open import store_of
from tests.bad_models import save
from tests.pictures import write_folder

pytestmark = [pytest.mark.stores, pytest.mark.tfx]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("local") / "photos", per_class=6)


@pytest.fixture(scope="module")
def upload(photos):
    """Function that copies the pictures to an address."""

    def to(address):
        for path in photos.rglob("*.*"):
            store = store_of(address)
            store.write(f"{address}/{path.relative_to(photos).as_posix()}", [path.read_bytes()])
        return address

    return to


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    save(folder / "colours" / "1")
    return folder


def invoke(*arguments):
    from pipeline.cli import cli

    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def ingest(data, out, *more):
    return invoke("ingest", "--config", "smoke", "--json", "--data", data, "--out", out, *more)


def facts(done):
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    return {key: said[key] for key in ("classes", "splits", "num_examples", "rejected")}


def test_pictures_of_a_store_are_ingested_as_those_of_a_disk(base, upload, photos, tmp_path):
    here = ingest(photos, tmp_path / "here")
    there = ingest(upload(f"{base}/same"), tmp_path / "there")
    assert facts(there) == facts(here)
    again = ingest(f"{base}/same", tmp_path / "there")
    assert json.loads(again.stdout)["cached"]


def test_a_manifest_in_a_store_names_pictures_there(base, upload, tmp_path):
    upload(f"{base}/named")
    rows = [
        f"named/{one}/{number:03}.{('png', 'jpg')[number % 2]}"
        for one in ("red", "blue")
        for number in range(6)
    ]
    table = "path,label\n" + "".join(f"{row},{row.split('/')[1]}\n" for row in rows[:-1])
    table += f"{base}/{rows[-1]},{rows[-1].split('/')[1]}\n"  # an address
    store_of(base).write(f"{base}/table.csv", [table.encode()])
    assert facts(ingest(f"{base}/table.csv", tmp_path / "out"))["num_examples"] == len(rows)


def test_a_batch_job_reads_from_a_store_and_writes_to_it(base, upload, photos, models, tmp_path):
    place = upload(f"{base}/asked")
    answers = {}
    for data, out in ((photos, str(tmp_path / "answers")), (place, f"{base}/answers")):
        done = invoke(
            "batch", "--data", data, "--models", models, "--name", "colours", "--out", out
        )
        assert done.exit_code == 0, done.stderr
        store = store_of(out)
        [name] = [name for name in store.names(out) if name.startswith("answers-")]
        lines = store.read(f"{out}/{name}").decode().splitlines()
        answers[out] = [
            (one["file"].rpartition("/")[2], one["label"], one["top"])
            for one in map(json.loads, lines)
        ]
    one, other = answers.values()
    assert one == other
    assert len(one) == 18


def test_a_picture_that_vanishes_or_is_denied_is_rejected_alone(faults, s3, upload, tmp_path):
    place = upload(f"{s3}/vanishing")
    faults.rules["/vanishing/red/000.png"] = (404, "NoSuchKey")
    faults.rules["/vanishing/red/001.jpg"] = (403, "AccessDenied")
    done = ingest(place, tmp_path / "out", "--set", "data.max_rejected_share=0.2")
    said = facts(done)
    assert said["num_examples"] == 16
    reasons = {one["filename"]: one["reason"] for one in said["rejected"]}
    assert "No such file" in reasons["red/000.png"]
    assert "the store denies access" in reasons["red/001.jpg"]


@pytest.mark.parametrize("rule", [3, (503, "SlowDown")])
def test_a_store_that_falls_silent_ends_the_ingest_with_one_sentence(
    faults, s3, upload, tmp_path, rule
):
    place = upload(f"{s3}/silent")
    faults.rules["/silent/red/003.jpg"] = rule
    done = ingest(place, tmp_path / "out")
    assert done.exit_code == 2, done.stderr
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith(f"Error: {place}/red/003.jpg cannot be read: ")
    assert sentence.endswith("run the same command again.")
    assert "Traceback" not in done.stderr
    faults.rules.clear()
    assert facts(ingest(place, tmp_path / "out"))["num_examples"] == 18


def test_a_version_is_pushed_to_a_store_listed_there_and_removed(base, models):
    from components.release import pusher

    place, model = f"{base}/serving/colours", str(models / "colours" / "1")
    version = pusher.push(model, place)
    found = pusher.find_versions(place)
    assert found == {version: f"{place}/{version}"}
    if base.startswith("s3"):  # TensorFlow reads gs:// where it was built for it
        assert pusher._digest(found[version]) == pusher._digest(model)
    listed = invoke("models", "list", "--json", "--models", f"{base}/serving", "--name", "colours")
    assert listed.exit_code == 0, listed.stderr
    assert str(version) in listed.stdout
    # Half removed, it is none.
    store_of(place).delete(f"{place}/{version}/saved_model.pb")
    assert pusher.find_versions(place) == {}
    newer = pusher.push(model, place, newest=version)
    pusher.remove(f"{place}/{newer}")
    assert store_of(place).names(f"{place}/{newer}") == []


def test_a_version_that_cannot_be_written_to_the_end_leaves_nothing(faults, s3, models):
    from components.release import in_store

    place = f"{s3}/cut-short/colours"
    faults.rules["saved_model.pb"] = [(503, "SlowDown")] * 5  # boto3 tries again four times
    with pytest.raises(StoreError, match=r"saved_model\.pb cannot be written: .* 503 SlowDown"):
        in_store.push(str(models / "colours" / "1"), f"{place}/7", {"origin.json": "{}"})
    assert list(store_of(place).find(place, lambda _: True)) == []
    in_store.push(str(models / "colours" / "1"), f"{place}/7", {"origin.json": "{}"})
    assert in_store.find_versions(place) == {7: f"{place}/7"}


def test_a_run_reads_from_a_store_pushes_to_it_and_is_rolled_back_there(
    faults, s3, tmp_path_factory, tmp_path
):
    place, models, out = f"{s3}/learned-from", f"{s3}/models", tmp_path / "out"
    there = store_of(place)
    for path in write_folder(tmp_path_factory.mktemp("more") / "photos", per_class=20).rglob("*.*"):
        there.write(f"{place}/{path.parent.name}/{path.name}", [path.read_bytes()])

    def run():
        command = ("run", "--config", "smoke", "--json", "--set", "serving_check.server=off")
        return invoke(*command, "--data", place, "--out", out, "--models", models)

    def decided(*command):
        done = invoke("models", *command, "--json", "--models", models, "--name", "smoke")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    # The last file of a version cannot be written: it is none.
    faults.rules["saved_model.pb"] = (503, "SlowDown")
    failed = run()
    assert failed.exit_code == 2, failed.stderr
    assert re.search(r"Error: s3://.*/saved_model\.pb cannot be written: .* 503", failed.stderr)
    assert "Traceback" not in failed.stderr
    faults.rules.clear()
    assert invoke("models", "list", "--models", models, "--name", "smoke").exit_code == 2
    # The same command goes on.
    done = run()
    assert done.exit_code == 0, done.stderr
    first = json.loads(done.stdout)
    assert first["pushed"]
    assert first["stages"]["Trainer"]["cached"]
    assert first["model_dir"] == f"{models}/smoke"
    [known] = decided("list")
    assert (known["version"], known["in_service"]) == (first["version"], True)
    assert known["accuracy"] == first["accuracy"]
    again = json.loads(run().stdout)
    assert (again["pushed"], again["version"]) == (False, first["version"])
    # Another model, and the way back.
    from components.release import pusher

    save(tmp_path / "other")
    newer = pusher.push(str(tmp_path / "other"), f"{models}/smoke", newest=first["version"])
    assert decided("rollback", "--why", "it sees ghosts")["in_service"] == first["version"]
    assert [one["in_service"] for one in decided("list")] == [False, True]
    assert str(newer) in store_of(models).read(f"{models}/smoke/release.json").decode()


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("s3://no-such-bucket/models", "there is no bucket no-such-bucket"),
        ("s3:///models", "must be s3://BUCKET/NAME"),
    ],
)
def test_a_run_that_could_not_push_ends_before_it_begins(s3, photos, tmp_path, models, said):
    out = tmp_path / "out"
    done = invoke("run", "--config", "smoke", "--data", photos, "--out", out, "--models", models)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()
