"""Answers in a file: two formats, and what an interrupted run leaves of them."""

import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import AnswerFileError, ServingError, UnreadablePictureError
from serving.client import Answer, Prediction
from serving.client.answer_file import AnswerFile
from serving.client.answer_formats import FORMATS, by_name

every_format = pytest.mark.parametrize("form", FORMATS)

# Names of files: any but NUL, also bytes that are no text.
names = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1)
names |= st.binary(min_size=1).map(
    lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")
)
labels = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)
scores = st.lists(
    st.tuples(labels, st.floats(width=32, allow_nan=True, allow_infinity=False)),
    min_size=1,
    max_size=7,
)
answers = st.one_of(
    st.builds(
        lambda name, pairs, version: Answer(name, Prediction(pairs[0][0], tuple(pairs), version)),
        names,
        scores,
        st.integers(0, 2**63 - 1),
    ),
    st.builds(lambda name, text: Answer(name, error=ServingError(text or "?")), names, labels),
)


def answer(name: str, *pairs: tuple[str, float]) -> Answer:
    pairs = pairs or (("ant", 0.75), ("bee", 0.25))
    return Answer(name, Prediction(pairs[0][0], pairs, 7))


def failed(name: str) -> Answer:
    return Answer(name, error=UnreadablePictureError("no, or not", Path(name)))


def test_json_lines_hold_what_is_documented() -> None:
    form = by_name("jsonl", top=1)
    assert json.loads(form.encode(answer("a.jpg"))) == {
        "file": "a.jpg",
        "label": "ant",
        "score": 0.75,
        "model_version": 7,
        "top": [{"label": "ant", "score": 0.75}],
    }
    unsure = Answer("c.jpg", Prediction("unknown", (("ant", 0.75), ("bee", 0.25)), 7))
    assert json.loads(form.encode(unsure)) == {
        "file": "c.jpg",
        "label": "unknown",
        "score": 0.75,
        "model_version": 7,
        "top": [{"label": "ant", "score": 0.75}],
    }
    assert by_name("csv", top=2).encode(unsure) == b"c.jpg,7,,unknown,0.75,ant,0.75\r\n"
    assert json.loads(form.encode(failed("b.jpg"))) == {"file": "b.jpg", "error": "no, or not"}


def test_csv_has_the_same_columns_in_every_row() -> None:
    form = by_name("csv", top=3)
    text = form.header + form.encode(answer("a,1.jpg")) + form.encode(failed("b.jpg"))
    header, first, second = csv.reader(io.StringIO(text.decode(), newline=""))
    assert header == ["file", "model_version", "error"] + [
        f"{kind}_{rank}" for rank in (1, 2, 3) for kind in ("label", "score")
    ]
    assert first == ["a,1.jpg", "7", "", "ant", "0.75", "bee", "0.25", "", ""]
    assert second == ["b.jpg", "", "no, or not", *[""] * 6]


@every_format
def test_score_that_is_no_number_is_none_in_json_and_csv(form: str) -> None:
    record = by_name(form, 1).encode(answer("a", ("ant", float("nan"))))
    assert b"nan" not in record.lower()


@every_format
@given(written=st.lists(answers, max_size=12), top=st.integers(1, 4))
def test_file_names_survive_whatever_is_in_them(form: str, written: list[Answer], top: int) -> None:
    encoding = by_name(form, top)
    data = encoding.header + b"".join(encoding.encode(one) for one in written)
    records = list(encoding.records(io.BytesIO(data)))
    assert b"".join(records) == data
    decoded = [encoding.decode(one) for one in records[bool(encoding.header) :]]
    assert decoded == [(one.source, one.error is not None) for one in written]


@every_format
@given(written=st.lists(answers, min_size=1, max_size=6), data=st.data())
def test_run_killed_at_any_byte_is_continued_with_whole_records(
    form: str, written: list[Answer], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    encoding = by_name(form, 2)
    whole = [encoding.header] * bool(encoding.header) + [encoding.encode(one) for one in written]
    everything = b"".join(whole)
    cut = data.draw(st.integers(0, len(everything)))
    path = tmp_path_factory.mktemp("killed") / "answers"
    path.write_bytes(everything[:cut])
    with AnswerFile(path, encoding, resume=True) as file:
        known = set(file.done)
        for one in written:
            if one.source not in known:
                file.write(one)
    kept = [one for one in written if one.source in known]
    assert {one.source for one in kept} == known
    records = list(encoding.records(io.BytesIO(path.read_bytes())))
    assert b"".join(records) == path.read_bytes()
    found = {encoding.decode(one)[0] for one in records[bool(encoding.header) :]}
    assert found == {one.source for one in written}


@every_format
def test_resumed_file_tells_what_is_done_and_what_has_failed(form: str, tmp_path: Path) -> None:
    path = tmp_path / "answers"
    with AnswerFile(path, by_name(form, 2)) as file:
        file.write(answer("a.jpg"))
        file.write(failed("b.jpg"))
    with AnswerFile(path, by_name(form, 2), resume=True) as file:
        assert (file.done, file.failed) == ({"a.jpg", "b.jpg"}, 1)


@every_format
def test_file_with_answers_is_not_overwritten(form: str, tmp_path: Path) -> None:
    path = tmp_path / "answers"
    with AnswerFile(path, by_name(form, 2)) as file:
        file.write(answer("a.jpg"))
    before = path.read_bytes()
    with pytest.raises(AnswerFileError, match=r"exists\. Continue it with --resume") as caught:
        AnswerFile(path, by_name(form, 2))
    assert caught.value.exit_code == 2
    assert path.read_bytes() == before


@every_format
@pytest.mark.parametrize("foreign", [b"my diary\n", b"my diary", b'{"other": 1}\n', b"a,b\n1,2\n"])
def test_file_of_somebody_else_is_left_alone(form: str, foreign: bytes, tmp_path: Path) -> None:
    path = tmp_path / "diary.txt"
    path.write_bytes(foreign)
    with pytest.raises(AnswerFileError, match="cannot be continued: its record 1"):
        AnswerFile(path, by_name(form, 2), resume=True)
    assert path.read_bytes() == foreign


def test_csv_with_another_number_of_labels_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    with AnswerFile(path, by_name("csv", 5)) as file:
        file.write(answer("a.jpg"))
    with pytest.raises(AnswerFileError, match=r"--format, --top"):
        AnswerFile(path, by_name("csv", 3), resume=True)


def test_two_processes_do_not_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "answers"
    with (
        AnswerFile(path, by_name("jsonl", 1)),
        pytest.raises(AnswerFileError, match="being written by another process"),
    ):
        AnswerFile(path, by_name("jsonl", 1), resume=True)


@pytest.mark.parametrize("name", ["missing/answers", "."])
def test_file_that_cannot_be_made_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(AnswerFileError, match="cannot be written"):
        AnswerFile(tmp_path / name, by_name("jsonl", 1))


def test_full_disk_is_told_and_leaves_whole_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "answers"
    with AnswerFile(path, by_name("jsonl", 1)) as file:
        file.write(answer("a.jpg"))
        whole = path.read_bytes()
        write = os.write
        room = iter([10])

        def until_full(number: int, data: memoryview) -> int:
            for left in room:
                return write(number, bytes(data[:left]))
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", until_full)
        with pytest.raises(AnswerFileError, match=r"No space left on device\. Make room"):
            file.write(answer("b.jpg"))
        monkeypatch.undo()
    assert path.read_bytes() == whole
