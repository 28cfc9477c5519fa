"""All that reads pictures takes the same files for pictures, and gives the same reasons."""

import json
import re
import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from bitpipe.errors import UnreadablePictureError
from bitpipe.pictures.decoder import count_pixels, open_picture
from bitpipe.pictures.headers import size
from bitpipe.pictures.limits import MAX_PIXELS
from bitpipe.pictures.normalise import Picture, normalise
from bitpipe.rejections import RejectionKind
from bitpipe.stores import files
from bitpipe.stores.paths import join
from bitpipe.stores.store import Found
from components.image_example_gen.sources import registry
from tests.bitpipe.pictures.table import TABLE, table
from tests.bitpipe.pictures.zoo import ZOO, Specimen, write

WEB = Path(__file__).parents[3] / "serving/server/web"

each_specimen = pytest.mark.parametrize("specimen", ZOO, ids=lambda specimen: specimen.name)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one class."""
    return write(tmp_path_factory.mktemp("data") / "class")


@pytest.fixture(scope="module")
def accepted(zoo: Path) -> dict[str, Picture]:
    """What the accepted ones become."""
    names = [specimen.name for specimen in ZOO if not specimen.reason]
    return {name: normalise((zoo / name).read_bytes()) for name in names}


def client(path: Path) -> bytes:
    """How `predict` and `batch` read."""
    return files.read(Found(str(path)))


def classify(path: Path) -> bytes:
    from components.bit import classifier

    fed: list[bytes] = []

    class Recorder:
        def answer(self, picture: bytes) -> tuple[list[str], np.ndarray]:
            fed.append(picture)
            return ["a"], np.ones(1, np.float32)

    assert [found for found, _ in classifier.classify_files(Recorder(), [path])] == [path]
    return fed[0]


def ingest(path: Path) -> bytes:
    from components.image_example_gen import images
    from components.image_example_gen.listing import ListedPicture

    data = next(folder for folder in path.parents if folder.name == "class").parent
    listed = ListedPicture(str(path.relative_to(data)), "class", None, 0, 0, source="class_folders")
    try:
        return images.read_image(str(data), listed, MAX_PIXELS).image
    except images.RejectedImageError as error:
        raise UnreadablePictureError(str(error), path, error.kind) from error


@each_specimen
@pytest.mark.parametrize("read", [client, classify, ingest])
def test_every_reader_gives_the_same_verdict(
    zoo: Path,
    accepted: dict[str, Picture],
    read: Callable[[Path], bytes],
    specimen: Specimen,
) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", module="PIL")
        if not specimen.reason:
            assert read(zoo / specimen.name) == accepted[specimen.name].data
            return
        with pytest.raises(UnreadablePictureError) as caught:
            read(zoo / specimen.name)
        assert caught.value.reason.startswith(specimen.reason)
        assert caught.value.kind == specimen.kind
        assert specimen.kind in get_args(RejectionKind)
        assert specimen.name in str(caught.value)


@pytest.mark.parametrize("specimen", [s for s in ZOO if not s.reason], ids=lambda one: one.name)
def test_every_picture_shows_what_people_see(
    accepted: dict[str, Picture], specimen: Specimen
) -> None:
    picture = accepted[specimen.name]
    with open_picture(picture.data) as image:
        deep = image.mode == "I;16"
        pixels = np.asarray(image) >> 8 if deep else np.asarray(image.convert("RGB"))
    expected = specimen.shows()
    assert (picture.height, picture.width) == expected.shape[:2]
    if pixels.ndim > expected.ndim or expected.shape[-1] == 1:
        expected = expected.reshape(*expected.shape[:2], 1)
    for above in range(0, picture.height, 1_000):  # of large ones only parts in memory
        rows = slice(above, above + 1_000)
        difference = np.abs(pixels[rows].astype(np.int16) - expected[rows].astype(np.int16))
        lossy = picture.format == "JPEG"
        assert difference.mean() < 8 if lossy else difference.max() <= 2


def test_the_pixels_of_every_picture_are_known_before_it_is_decoded(
    zoo: Path, accepted: dict[str, Picture]
) -> None:
    counted = {name: count_pixels((zoo / name).read_bytes()) for name in accepted}
    assert counted == {name: one.width * one.height for name, one in accepted.items()}


def test_the_server_refuses_nothing_that_is_accepted_and_knows_its_size(
    accepted: dict[str, Picture],
) -> None:
    from serving.server import limits

    for name, picture in accepted.items():
        assert size(picture.data) == (picture.width, picture.height), name
        pixels = limits.check((np.array([picture.data], object),), limits.Limits())
        assert pixels == [picture.width * picture.height]


def test_the_server_refuses_what_is_too_large(zoo: Path) -> None:
    from serving.server import limits

    data = (zoo / "too large.png").read_bytes()
    with pytest.raises(Exception, match=f"may have {MAX_PIXELS} pixels. Received: 100080000"):
        limits.check((np.array([data], object),), limits.Limits())


def test_the_table_in_the_docs_is_that_of_the_zoo(zoo: Path) -> None:
    told = TABLE.read_text(encoding="utf-8")
    assert told.count("\n| `") >= 40
    # HEIC is told as without its decoder.
    assert "`photo.heic`" in told
    rows = {line for line in table(zoo) if "heic" not in line}
    assert rows <= set(told.splitlines()), "run `make docs-pictures`"


def found_by_client(folder: str) -> list[str]:
    return [found.path for found in files.find([folder])]


def found_by_ingest(folder: str) -> list[str]:
    listing = registry.list_pictures(folder)
    return [join(folder, picture.path) for picture in listing.pictures]


def test_a_folder_means_the_same_files_wherever_it_is_named(
    zoo: Path, bucket: Callable[[Path], str]
) -> None:
    listed = [str(zoo / specimen.name) for specimen in ZOO if specimen.listed]
    for address in (str, bucket):
        expected = sorted(address(path) for path in listed)
        assert sorted(found_by_client(address(zoo))) == expected
        assert sorted(found_by_ingest(address(zoo.parent))) == expected


def test_links_mean_the_same_wherever_their_folder_is_named(tmp_path: Path) -> None:
    for name in ("data/a/1", "data/a/deep/2", "data/b/3", "elsewhere"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    data = tmp_path / "data"
    for link, target in (
        *(("a/up", data), ("a/deep/self", data / "a/deep"), ("b/other", data / "a/deep")),
        *(("a/file", tmp_path / "elsewhere"), ("a/gone", tmp_path / "nothing")),
    ):
        (data / link).symlink_to(target)
    expected = ["a/1", "a/deep/2", "a/file", "a/gone", "b/3", "b/other/2"]
    assert found_by_client(str(data)) == [str(data / name) for name in expected]
    assert found_by_ingest(str(data)) == found_by_client(str(data))


def test_the_largest_picture_has_one_default() -> None:
    from components.image_example_gen.options import IngestOptions
    from components.image_example_gen.settings import DataSettings
    from serving.server.options import Limits

    assert DataSettings().max_megapixels * 1e6 == MAX_PIXELS
    assert IngestOptions.max_pixels == Limits().max_pixels == MAX_PIXELS


def test_the_web_page_offers_all_that_a_browser_takes_for_a_picture() -> None:
    # A list of extensions would hide what others accept; dropped and pasted files are all tried.
    [accept] = re.findall(r'accept="([^"]*)"', (WEB / "index.html").read_text())
    assert accept == "image/*"


@pytest.mark.skipif(not shutil.which("node"), reason="the page's scripts need node")
def test_the_web_page_sends_upright_jpeg_and_png_as_they_are_whatever_their_names(
    zoo: Path,
) -> None:
    names = [specimen.name for specimen in ZOO if not specimen.reason]
    script = """
        import { readFileSync } from "node:fs";
        const { formatOf, hasOtherProfile, orientation } = await import(process.argv[1]);
        const passes = (bytes) =>
            formatOf(bytes) !== null && orientation(bytes) === 1 && !hasOtherProfile(bytes);
        const paths = process.argv.slice(2);
        console.log(JSON.stringify(paths.map((path) => passes(readFileSync(path)))));
    """
    command = ["node", "--input-type=module", "-e", script, f"file://{WEB}/exif.js"]
    run = subprocess.run(
        [*command, *(str(zoo / name) for name in names)], capture_output=True, text=True, check=True
    )
    passed = dict(zip(names, json.loads(run.stdout), strict=True))
    assert passed == {s.name: s.as_it_is for s in ZOO if not s.reason}
