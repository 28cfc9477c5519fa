"""Which files are meant, and which of them can be read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bitpipe.errors import UnreadablePictureError
from bitpipe.stores import files


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        *("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "sub/c.webp", "sub/deep/d.tiff"),
        *(".git/e.jpg", "empty/readme.md", "odd[1].jpg"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*inputs: str) -> list[str]:
    sources = list(files.find(inputs))
    assert not any(source.problem for source in sources)
    return [str(source.path) for source in sources]


def test_folder_means_the_pictures_below_it_sorted_without_hidden_ones(tree: Path) -> None:
    assert found(".") == ["a.PNG", "b.jpg", "odd[1].jpg", "sub/c.webp", "sub/deep/d.tiff"]


def test_files_keep_their_order_and_may_have_any_name(tree: Path) -> None:
    assert found("notes.txt", "b.jpg", "a.PNG") == ["notes.txt", "b.jpg", "a.PNG"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["b.jpg", "odd[1].jpg"]),
        ("**/*.tiff", ["sub/deep/d.tiff"]),
        ("sub/*", ["sub/c.webp", "sub/deep/d.tiff"]),
        ("[ab].*", ["a.PNG", "b.jpg"]),
    ],
)
def test_pattern_means_what_a_shell_means(tree: Path, pattern: str, expected: list[str]) -> None:
    assert found(pattern) == expected


def test_file_whose_name_looks_like_a_pattern_is_that_file(tree: Path) -> None:
    assert found("odd[1].jpg") == ["odd[1].jpg"]


def test_links_to_folders_are_not_followed_so_that_a_circle_ends(tree: Path) -> None:
    (tree / "sub" / "up").symlink_to(tree)
    assert found("sub") == ["sub/c.webp", "sub/deep/d.tiff"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [("empty", "the folder holds no pictures"), ("*.gif", "no file matches")],
)
def test_what_means_nothing_is_told_in_its_place(tree: Path, given: str, problem: str) -> None:
    sources = list(files.find(["b.jpg", given, "a.PNG"]))
    assert [source.problem for source in sources] == ["", problem, ""]
    with pytest.raises(UnreadablePictureError, match=problem) as caught:
        files.read(sources[1])
    assert given in str(caught.value)


def test_pictures_are_read_as_upright_jpeg_or_png(tree: Path, encode: Callable[..., bytes]) -> None:
    (tree / "b.jpg").write_bytes(encode("red", form="BMP"))
    assert files.read(files.Source(Path("b.jpg"))).startswith(b"\x89PNG")


def test_pipe_is_refused_rather_than_waited_for(tree: Path) -> None:
    os.mkfifo("pipe.jpg")
    with pytest.raises(UnreadablePictureError, match=r"pipe\.jpg.*not a file"):
        files.read(files.Source(Path("pipe.jpg")))


def test_file_larger_than_any_picture_is_not_read(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.truncate("b.jpg", files.MAX_FILE_BYTES + 1)  # sparse
    monkeypatch.setattr(files.pictures, "read", lambda _: pytest.fail("it was read"))
    with pytest.raises(UnreadablePictureError, match="more than"):
        files.read(files.Source(Path("b.jpg")))


def test_missing_file_is_named_with_the_systems_reason(tree: Path) -> None:
    with pytest.raises(UnreadablePictureError, match=r"none\.jpg.*No such file"):
        files.read(files.Source(Path("none.jpg")))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder_is_told(tree: Path) -> None:
    (tree / "sub").chmod(0)
    sources = list(files.find(["sub"]))
    (tree / "sub").chmod(0o700)
    assert "cannot be read" in sources[0].problem
