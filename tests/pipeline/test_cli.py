"""The command line answers at once, in one sentence, with the right exit code."""

import errno
import json
import re
import resource
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from bitpipe.errors import ConfigError
from components.bit import variants
from pipeline.cli import as_failure, cli
from pipeline.demo import DemoError
from pipeline.settings import shipped
from tests.components.bit import numpy_resnet

HEAVY = ("tensorflow", "tfx", "apache_beam", "kfp", "keras", "numpy", "rich", "sklearn")

# Runs the command in the child and prints what it imported after it has ended.
PROBE = """
import sys, json
sys.argv = ["bitpipe", *json.loads(sys.argv[1])]
from pipeline.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
modules = {name.partition(".")[0] for name in sys.modules}
loaded = sorted(modules & set(json.loads(sys.stdin.read())))
print(json.dumps([code, loaded]), file=sys.stderr)
"""


def probe(*arguments):
    """Exit code, heavy modules imported, stdout, stderr."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments)],
        input=json.dumps(HEAVY),
        capture_output=True,
        text=True,
        timeout=300,
    )
    *errors, last = done.stderr.splitlines()
    code, loaded = json.loads(last)
    return code, loaded, done.stdout, "\n".join(errors)


def make_class(folder, count):
    folder.mkdir(parents=True)
    for index in range(count):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(folder / f"{index}.png")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["config", "show"],
        ["config", "list"],
    ],
)
def test_version_and_config_import_nothing_heavy(arguments):
    code, loaded, out, err = probe(*arguments)
    assert (code, loaded, err) == (0, [], "")
    assert out


def test_the_list_of_commands_is_whole_on_a_terminal_of_80_columns():
    shown = CliRunner().invoke(cli, ["--help"], prog_name="bitpipe", terminal_width=80).output
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    told = lines[lines.index("Commands:") + 1 :]
    assert not [line for line in told if line.endswith("...")]
    commands = [line.split()[0] for line in told]
    assert commands[:2] == ["demo", "run"]
    assert sorted(commands) == sorted(cli.commands)


def test_the_list_of_configurations_fits_80_columns_and_names_each():
    shown = CliRunner().invoke(cli, ["config", "list"]).output
    assert max(map(len, shown.splitlines())) <= 80
    for name in shipped.names():
        assert f"\n{name} " in f"\n{shown}"


def seconds_of(*arguments, code=0):
    """What a command takes of the processor at best."""

    def once():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "pipeline", *arguments]
        assert subprocess.run(command, capture_output=True, timeout=30).returncode == code
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # Neighbours on the machine make even that longer. One that waits for something else ends late.
    return min(once() for _ in range(4))


def test_help_answers_in_under_half_a_second():
    assert seconds_of("--help") < 0.5


def test_config_errors_answer_in_under_half_a_second():
    assert seconds_of("config", "show", "--set", "train.lrr=1", code=2) < 0.5


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run"], "Missing option"),
        (["fly"], "No such command"),
        (["run", "--data", "D", "--out", "O", "--set", "a=1"], "unknown key 'a'"),
        (["run", "--data", "D", "--out", "O", "--config", "none"], "no configuration 'none'"),
        (["run", "--data", "D/missing", "--out", "O"], "D/missing"),
        (["config", "show", "--set", "train.steps=x"], "Received: 'x'"),
        (["classify"], "Missing argument"),
        (["classify", "D/missing.jpg"], "D/missing.jpg"),
        (["classify", __file__, "--size", "4"], "range"),
        (["classify", __file__, "--variant", "R5"], "unknown variant 'R5'"),
        (["classify", __file__, "--backbone", "bit-m-r50x1"], "21,843 classes"),
        (["classify", __file__, "--backbone", "bit-m-r50x3-hub"], "no head"),
    ],
)
def test_usage_and_configuration_errors_exit_2_at_once(arguments, complaint):
    code, loaded, out, err = probe(*arguments)
    assert code == 2
    assert complaint in err
    assert "Traceback" not in err
    assert (out, loaded) == ("", [])


@pytest.mark.parametrize(
    ("counts", "complaint"),
    [
        ({}, "no picture"),
        ({"roses": 9}, "'roses'"),
        ({"roses": 9, "tulips": 1}, "'tulips' has 1"),
    ],
)
def test_unfit_folders_exit_2_before_anything_heavy_and_leave_no_output(
    tmp_path, counts, complaint
):
    data, out_dir = tmp_path / "photos", tmp_path / "out"
    data.mkdir()
    for name, count in counts.items():
        make_class(data / name, count)
    code, loaded, out, err = probe("run", "--data", str(data), "--out", str(out_dir))
    assert (code, loaded, out) == (2, [], "")
    assert complaint in err
    assert not out_dir.exists()


def test_an_out_folder_of_another_data_set_exits_2(tmp_path):
    for name in ("a", "b"):
        make_class(tmp_path / "first" / name, 9)
        make_class(tmp_path / "second" / name, 9)
    out_dir = tmp_path / "out"
    out_dir.mkdir()
    marker = {"format_version": 1, "data": str(tmp_path / "first")}
    (out_dir / "bitpipe.json").write_text(json.dumps(marker))
    code, _, _, err = probe("run", "--data", str(tmp_path / "second"), "--out", str(out_dir))
    assert code == 2
    assert "belongs to the data set" in err
    assert sorted(path.name for path in out_dir.iterdir()) == ["bitpipe.json"]


def test_classify_answers_in_a_line_per_picture_and_tells_a_bad_one(tmp_path):
    small = variants.get("R14x0.5")
    checkpoint = numpy_resnet.random_checkpoint(small.units, small.width_factor, 1000)
    np.savez(tmp_path / "weights.npz", **checkpoint)
    photos = tmp_path / "photos"
    make_class(photos, 2)
    (photos / "bad.jpg").write_bytes(b"no picture")
    given = [str(photos / "1.png"), str(photos), str(photos / "[0].*")]
    options = ["--backbone", str(tmp_path / "weights.npz"), "--variant", "r14x0.5", "--size", "32"]
    code, _, out, err = probe("classify", *given, *options)
    assert code == 2
    lines = out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        str(photos / name) for name in ("1.png", "0.png", "1.png", "0.png")
    ]
    for line in lines:
        answers = line.partition(": ")[2].split("  ")
        assert len(answers) == 5
        assert all(re.fullmatch(r"\S.* 0\.\d{3}", answer) for answer in answers)
    sentence, summary = err.splitlines()[-2:]
    assert "bad.jpg cannot be used" in sentence
    assert summary == "1 of 5 pictures failed"
    assert "Traceback" not in err


def test_misspelt_weights_are_told_before_anything_heavy_is_imported(tmp_path):
    for name in "ab":
        make_class(tmp_path / "photos" / name, 5)
    picture = str(tmp_path / "photos/a/0.png")
    data = ["--data", str(tmp_path / "photos"), "--out", str(tmp_path / "out")]
    for arguments in (
        ["classify", picture, "--backbone", "bit-m-r50x1-ilsvrc2102"],
        ["run", *data, "--set", "model.backbone=bit-m-r50x1-ilsvrc2102"],
    ):
        code, loaded, _, err = probe(*arguments)
        assert (code, loaded) == (2, [])
        assert "did you mean 'bit-m-r50x1-ilsvrc2012'?" in err
    assert not (tmp_path / "out").exists()


def test_errors_of_our_tree_are_told_in_a_line_and_bugs_are_not():
    failure = as_failure(DemoError("the model was not blessed."))
    assert (failure.format_message(), failure.exit_code) == ("the model was not blessed.", 1)
    assert as_failure(ConfigError("unknown key.")).exit_code == 2
    # A name in it may be anything.
    named = as_failure(ConfigError("no 'São\x1b[2J\n\udce9'."))
    assert named.format_message() == r"no 'São\x1b[2J\n\xe9'."
    foreign = OSError("a bug")
    foreign.exit_code = 2
    assert as_failure(foreign) is None


def test_a_full_disk_is_told_in_a_line_by_every_command():
    failure = as_failure(OSError(errno.ENOSPC, "No space left on device", "/x/answers"))
    assert failure.exit_code == 2
    assert failure.message == (
        "there is no room left on the disk of /x/answers. Make room, and run the same command "
        "again."
    )


@pytest.mark.parametrize(
    "command",
    [
        "run --data . --out gs://bucket/run",
        "ingest --data . --out gs://bucket/run",
        "demo --out gs://bucket/run",
        "evaluate --data . --models . --out gs://bucket/page",
        "compile --out gs://bucket/pipeline.yaml",
        "predict a.jpg --server a:1 --name b --out gs://bucket/answers.csv",
        "report gs://bucket/run",
        "runs list --out gs://bucket/run",
        "serve --models gs://bucket/serving",
    ],
)
def test_an_address_is_no_folder_of_this_machine(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, command.split())
    assert done.exit_code == 2
    assert "must be a path on a disk of this machine. Received: gs://bucket/" in done.output
    assert not list(tmp_path.iterdir())
