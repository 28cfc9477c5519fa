import subprocess
import sys

import pytest

from bitpipe.errors import ConfigError, DataError
from components.image_example_gen.sources import registry
from components.image_example_gen.sources.options import SourceOptions
from tests.components.image_example_gen.folders import touch


@pytest.mark.parametrize("pattern", ["*/*", "FLOWERS/*/*"])
def test_every_listed_picture_names_the_source_that_reads_it(flowers, pattern):
    pattern = pattern.replace("FLOWERS", flowers.name)
    path = flowers if pattern == "*/*" else flowers.parent
    listing = registry.list_pictures(str(path), SourceOptions(pattern))
    read = [registry.by_name(one.source).read(listing.path, one) for one in listing.pictures]
    assert read == [b"x", b"x", b"yy", b"yy"]
    assert {one.source for one in listing.pictures} == {
        "class_folders" if pattern == "*/*" else "spans"
    }


def test_check_follows_the_pattern(flowers):
    parent, pattern = str(flowers.parent), SourceOptions(f"{flowers.name}/*/*")
    assert registry.check_data(str(flowers)).classes == ("roses", "tulips")
    assert registry.check_data(parent, pattern, 2).classes == ("roses", "tulips")
    with pytest.raises(DataError, match="'roses' has 2"):
        registry.check_data(parent, pattern, 3)


def test_check_leaves_to_the_ingest_which_span_is_taken(tmp_path):
    touch(tmp_path / "span-1/lonely/1.jpg")
    assert registry.check_data(str(tmp_path), SourceOptions("span-{SPAN}/*/*")) is None


@pytest.mark.parametrize("pattern", ["*/*", "span-{SPAN}/*/*", "span-1/*/*"])
def test_check_leaves_a_remote_address_to_the_ingest(pattern):
    assert registry.check_data("gs://bucket/photos", SourceOptions(pattern)) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "("}, "no regular expression"),
        ({"group": "patient"}, "no group of that name"),
        ({"source": "manifest", "pattern": "a/*/*"}, "leave one of them out"),
        ({"source": "spans"}, "wants a data.pattern"),
    ],
)
def test_options_that_contradict_themselves_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        SourceOptions(**options)


def test_a_pattern_on_paths_gives_groups(tmp_path):
    for name in ["ill/p1_a.jpg", "ill/p1_b.jpg", "well/p2_a.jpg", "well/other.jpg"]:
        touch(tmp_path / name)
    options = SourceOptions(group=r"(?P<group>p\d+)_")
    listing = registry.list_pictures(str(tmp_path), options)
    assert [one.group for one in listing.pictures] == ["p1", "p1", None, "p2"]
    assert listing.recognised.endswith("2 groups")
    with pytest.raises(DataError, match="matches none of 4"):
        registry.list_pictures(str(tmp_path), SourceOptions(group="(?P<group>case)"))


def test_the_check_imports_no_framework():
    heavy = "{'tensorflow', 'tfx', 'apache_beam', 'numpy', 'PIL'}"
    module = "components.image_example_gen.sources.registry"
    code = f"import sys, {module}; print({heavy} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "set()"
