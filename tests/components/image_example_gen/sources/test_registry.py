import subprocess
import sys

import pytest

from bitpipe.errors import DataError
from components.image_example_gen.sources import class_folders, registry, spans
from tests.components.image_example_gen.folders import touch


@pytest.mark.parametrize(
    ("pattern", "source"),
    [
        ("*/*", class_folders),
        ("span-{SPAN}/*/*", spans),
        ("span-3/*/*", spans),
        ("span-3/*/*|span-4/*/*", spans),
    ],
)
def test_the_pattern_chooses_the_source(pattern, source):
    assert registry.for_pattern(pattern) is source


def test_every_listed_picture_names_the_source_that_reads_it(flowers):
    for path, pattern in [(flowers, "*/*"), (flowers.parent, f"{flowers.name}/*/*")]:
        source = registry.for_pattern(pattern)
        listing = source.list_pictures(str(path), pattern)
        assert {registry.by_name(picture.source) for picture in listing.pictures} == {source}
        read = [source.read(listing.path, picture) for picture in listing.pictures]
        assert read == [b"x", b"x", b"yy", b"yy"]


def test_check_follows_the_pattern(flowers):
    parent, name = str(flowers.parent), flowers.name
    assert registry.check_folder(str(flowers)).classes == ("roses", "tulips")
    found = registry.check_folder(parent, pattern=f"{name}/*/*", min_images_per_class=2)
    assert found.classes == ("roses", "tulips")
    with pytest.raises(DataError, match="'roses' has 2"):
        registry.check_folder(parent, pattern=f"{name}/*/*", min_images_per_class=3)


def test_check_leaves_to_the_ingest_which_span_is_taken(tmp_path):
    touch(tmp_path / "span-1/lonely/1.jpg")
    assert registry.check_folder(str(tmp_path), pattern="span-{SPAN}/*/*") is None


@pytest.mark.parametrize("pattern", ["*/*", "span-{SPAN}/*/*", "span-1/*/*"])
def test_check_leaves_a_remote_address_to_the_ingest(pattern):
    assert registry.check_folder("gs://bucket/photos", pattern=pattern) is None


def test_the_check_imports_no_framework():
    heavy = "{'tensorflow', 'tfx', 'apache_beam', 'numpy', 'PIL'}"
    module = "components.image_example_gen.sources.registry"
    code = f"import sys, {module}; print({heavy} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "set()"
