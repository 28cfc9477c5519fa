import contextlib
import csv
import json
from pathlib import PurePosixPath

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bitpipe.errors import DataError
from components.image_example_gen.sources import manifest, registry
from components.image_example_gen.sources.options import SourceOptions
from tests.components.image_example_gen.folders import touch

ROWS = [("p/1.jpg", "ant", "train"), ("p/2.jpg", "bee", "val"), ("p/3.jpg", "bee", "")]


def write(tmp_path, name, text):
    for path, *_ in ROWS:
        touch(tmp_path / path, path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


def csv_of(delimiter=",", header=("path", "label", "split")):
    return "".join(delimiter.join(row) + "\n" for row in (header, *ROWS))


def json_lines():
    return "".join(
        json.dumps(dict(zip(("path", "label", "split"), row, strict=True))) + "\n" for row in ROWS
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("photos.csv", csv_of()),
        ("photos.csv", csv_of(";")),
        ("photos.tsv", csv_of("\t")),
        ("photos.csv", "\ufeff" + csv_of(header=("File_Name", "Class", "split"))),
        ("photos.jsonl", json_lines()),
        ("photos.ndjson", json_lines().replace("}\n", "}\r\n\n")),
    ],
)
def test_a_manifest_names_pictures_labels_and_splits(tmp_path, name, text):
    listing = registry.list_pictures(write(tmp_path, name, text))
    assert [(one.path, one.label, one.split) for one in listing.pictures] == [
        ("p/1.jpg", "ant", "train"),
        ("p/2.jpg", "bee", "eval"),
        ("p/3.jpg", "bee", None),
    ]
    read = [manifest.read(listing.path, one) for one in listing.pictures]
    assert read == [b"p/1.jpg", b"p/2.jpg", b"p/3.jpg"]
    assert [one.size for one in listing.pictures] == [7, 7, 7]
    assert listing.recognised == (
        f"manifest {name}: 3 rows; splits kept as given (train 1, eval 1); "
        "1 file without one, split by content"
    )


def test_a_manifest_in_the_folder_is_found(tmp_path):
    write(tmp_path, "manifest.csv", csv_of())
    assert len(registry.list_pictures(str(tmp_path)).pictures) == 3
    by_folder = registry.list_pictures(str(tmp_path / "p/.."), SourceOptions(source="manifest"))
    assert len(by_folder.pictures) == 3


def test_paths_may_be_absolute_and_a_missing_file_is_left_to_the_ingest(tmp_path):
    text = f"path,label\n{tmp_path}/p/1.jpg,ant\nnowhere.jpg,bee\n"
    listing = registry.list_pictures(write(tmp_path, "photos.csv", text))
    absolute, missing = listing.pictures
    assert manifest.read(listing.path, absolute) == b"p/1.jpg"
    with pytest.raises(FileNotFoundError):
        manifest.read(listing.path, missing)


def test_paths_may_be_addresses_whose_size_and_time_are_asked_for(tmp_path, bucket, pages):
    write(tmp_path, "a.csv", "")
    pages["/1.jpg"] = b"p/1.jpg"
    for address in (bucket(tmp_path / "p/1.jpg"), f"{pages.address}/1.jpg?size=large"):
        text = f"path,label\n{address},ant\n"
        (picture,) = registry.list_pictures(write(tmp_path, "a.csv", text)).pictures
        assert manifest.read(str(tmp_path), picture) == b"p/1.jpg"
        assert picture.size == 7
        assert picture.mtime_ns


def test_two_spellings_of_a_path_are_one_picture(tmp_path):
    text = "path,label\np/1.jpg,ant\n./p//1.jpg,ant\n"
    with pytest.raises(DataError, match=r"line 3 .* with the path and label of line 2"):
        registry.list_pictures(write(tmp_path, "a.csv", text))


def test_a_file_address_is_a_path(tmp_path):
    text = f"path,label\nfile://{tmp_path}/p/1.jpg,ant\n"
    (picture,) = registry.list_pictures(write(tmp_path, "a.csv", text)).pictures
    assert picture.path == f"{tmp_path}/p/1.jpg"


def test_spaces_around_names_are_no_part_of_them(tmp_path):
    text = 'path , label, group\np/1.jpg, ant , 1\n" odd.jpg","ant", 1 \n'
    listing = registry.list_pictures(write(tmp_path, "a.csv", text))
    assert listing.classes == ("ant",)
    assert [one.path for one in listing.pictures] == [" odd.jpg", "p/1.jpg"]
    assert {one.group for one in listing.pictures} == {"1"}


def test_a_column_gives_groups(tmp_path):
    text = "label,group,path,other\nant,patient 1,p/1.jpg,x\nbee,,p/2.jpg,y\n"
    listing = registry.list_pictures(write(tmp_path, "photos.csv", text))
    assert [one.group for one in listing.pictures] == ["patient 1", None]
    assert listing.recognised.endswith("1 group")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "must name the columns path and label"),
        ("a.csv", "p/1.jpg,ant\n", "Received: p/1.jpg, ant in"),
        ("a.csv", "path,label\n", "no row"),
        ("a.csv", "path,label\np/1.jpg\n", "line 2 of .* with 1 of 2 columns"),
        ("a.csv", "path,label\np/1.jpg,\n", "line 2 of .* without a label"),
        ("a.csv", "path,label\n,ant\n", "without a path"),
        ("a.csv", 'path,label\n"p/1.jpg,ant\n', "that is no CSV"),
        ("a.csv", "path,label,split\np/1.jpg,ant,fold 3\n", "with the split 'fold 3'; use train"),
        ("a.csv", "path,label\np/1.jpg,ant\n\np/1.jpg,ant\n", "line 4 of .* label of line 2"),
        ("a.jsonl", "[]", "no JSON object"),
        ("a.jsonl", '{"path": "p/1.jpg", "label": "ant"}\n{', "line 2 of .* no JSON"),
        ("a.jsonl", '{"path": "p/1.jpg", "label": ["ant"]}', "with label"),
        ("a.jsonl", '{"path": "p/1.jpg", "file": "x", "label": "ant"}', "both path and file"),
    ],
)
def test_a_row_that_breaks_a_rule_is_named(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message) as error:
        registry.list_pictures(write(tmp_path, name, text))
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_a_manifest_that_is_not_utf8_is_refused_with_the_line(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"path,label\np/1.jpg,ant\np/2.jpg,caf\xe9\n")
    with pytest.raises(DataError, match="line 3 of which is not"):
        registry.list_pictures(str(tmp_path / "a.csv"))


@settings(max_examples=200)
@given(st.binary(max_size=80), st.sampled_from(["csv", "jsonl"]), st.booleans())
def test_whatever_is_in_a_manifest_it_is_listed_or_refused(tmp_path_factory, data, kind, with_head):
    place = tmp_path_factory.getbasetemp() / f"fuzzed.{kind}"
    place.write_bytes((b"path,label\n" if with_head else b"") + data)
    with contextlib.suppress(DataError):
        assert registry.list_pictures(str(place)).pictures


# What spreadsheets and programs put into a cell; a label has to fit on one line.
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
LABELS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9)


@settings(max_examples=100, phases=[Phase.explicit, Phase.generate])
@given(
    st.lists(
        st.tuples(CELLS.map(lambda cell: str(PurePosixPath(f"p{cell}"))), LABELS, CELLS),
        min_size=1,
        max_size=3,
        unique_by=lambda row: row[:2],
    ),
    st.sampled_from([",", ";", "\t", "jsonl"]),
    st.permutations(["path", "label", "group"]),
)
def test_whatever_a_cell_holds_comes_out_as_it_was_written(tmp_path_factory, rows, form, columns):
    place = tmp_path_factory.getbasetemp() / f"written.{'jsonl' if form == 'jsonl' else 'csv'}"
    records = [dict(zip(("path", "label", "group"), row, strict=True)) for row in rows]
    with place.open("w", encoding="utf-8", newline="") as file:
        if form == "jsonl":
            file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        else:
            table = csv.DictWriter(file, columns, delimiter=form)
            table.writeheader()
            table.writerows(records)
    listing = registry.list_pictures(str(place))
    # In an order of the listing's own.
    assert sorted((one.path, one.label, one.group or "") for one in listing.pictures) == sorted(
        (path, label, group.strip()) for path, label, group in rows
    )
