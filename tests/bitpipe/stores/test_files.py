"""Which files are meant, and which of them can be read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bitpipe.errors import UnreadablePictureError
from bitpipe.pictures.limits import MAX_FILE_BYTES
from bitpipe.stores import files
from bitpipe.stores.store import Found


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        *("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "sub/c.webp", "sub/deep/d"),
        *(".git/e.jpg", "__MACOSX/b.jpg", "Thumbs.db", "empty/readme.md", "odd[1].jpg"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*inputs: str) -> list[str]:
    sources = list(files.find(inputs))
    assert not any(source.problem for source in sources)
    return [source.path for source in sources]


@pytest.fixture(params=["disk", "bucket"])
def address(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Path -> how it is named on a disk, or in a store."""
    return str if request.param == "disk" else request.getfixturevalue("bucket")


def test_folder_means_what_may_be_a_picture_below_it_sorted(
    tree: Path, address: Callable[[Path], str]
) -> None:
    names = ["a.PNG", "b.jpg", "odd[1].jpg", "sub/c.webp", "sub/deep/d"]
    assert found(address(tree)) == [address(tree / name) for name in names]


def test_files_keep_their_order_and_may_have_any_name(tree: Path) -> None:
    assert found("notes.txt", "b.jpg", "a.PNG") == ["notes.txt", "b.jpg", "a.PNG"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["b.jpg", "odd[1].jpg"]),
        ("**/d", ["sub/deep/d"]),
        ("sub/*", ["sub/c.webp", "sub/deep/d"]),
        ("[ab].*", ["a.PNG", "b.jpg"]),
    ],
)
def test_pattern_means_what_a_shell_means(tree: Path, pattern: str, expected: list[str]) -> None:
    assert found(pattern) == expected


def test_file_whose_name_looks_like_a_pattern_is_that_file(tree: Path) -> None:
    assert found("odd[1].jpg") == ["odd[1].jpg"]


def test_links_are_followed_unless_they_lead_to_a_folder_above(tree: Path) -> None:
    (tree / "sub/up").symlink_to(tree)
    (tree / "sub/deep/self").symlink_to(tree / "sub/deep")
    (tree / "sub/other").symlink_to(tree / "sub/deep")
    (tree / "link").symlink_to(tree / "sub")
    assert found("sub") == [
        *("sub/c.webp", "sub/deep/d", "sub/other/d", "sub/up/a.PNG", "sub/up/b.jpg"),
        "sub/up/odd[1].jpg",
    ]
    assert found("link") == [name.replace("sub", "link", 1) for name in found("sub")]


def test_links_that_lead_nowhere_are_told_as_files(tree: Path) -> None:
    (tree / "sub/c.webp").unlink()
    (tree / "sub/c.webp").symlink_to("c.webp")
    (tree / "sub/deep/d").unlink()
    (tree / "sub/deep/d").symlink_to("gone")
    assert found("sub") == ["sub/c.webp", "sub/deep/d"]
    for source in files.find(["sub"]):
        with pytest.raises(UnreadablePictureError, match=r"Too many levels|No such file"):
            files.read(source)


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


def test_what_means_nothing_in_a_store_is_told(tree: Path, bucket: Callable[[Path], str]) -> None:
    for given in ("empty", "*.gif", "none"):
        [source] = files.find([bucket(tree / given)])
        assert source.problem


def test_pictures_are_read_as_upright_jpeg_or_png(
    tree: Path, encode: Callable[..., bytes], address: Callable[[Path], str]
) -> None:
    (tree / "b.jpg").write_bytes(encode("red", form="BMP"))
    assert files.read(Found(address(tree / "b.jpg"))).startswith(b"\x89PNG")


def test_what_cannot_be_read_is_told_with_its_path(
    tree: Path, address: Callable[[Path], str]
) -> None:
    for name, reason in (("b.jpg", "it is a text"), ("none.jpg", "No such file")):
        with pytest.raises(UnreadablePictureError, match=address(tree / name)) as caught:
            files.read(Found(address(tree / name)))
        assert reason in caught.value.reason


def test_pipe_is_refused_rather_than_waited_for(tree: Path) -> None:
    os.mkfifo("pipe.jpg")
    with pytest.raises(UnreadablePictureError, match=r"pipe\.jpg.*not a file"):
        files.read(Found("pipe.jpg"))


def test_file_larger_than_any_picture_is_not_read(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.truncate("b.jpg", MAX_FILE_BYTES + 1)  # sparse
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read"))
    with pytest.raises(UnreadablePictureError, match="more than"):
        files.read(Found("b.jpg"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder_is_told(tree: Path) -> None:
    (tree / "sub").chmod(0)
    sources = list(files.find(["sub"]))
    (tree / "sub").chmod(0o700)
    assert "cannot be read" in sources[0].problem
