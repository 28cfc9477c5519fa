import shutil

import pytest

from components.image_example_gen.sources import registry, spans
from components.image_example_gen.sources.options import SourceOptions


@pytest.fixture
def both(flowers, tmp_path_factory):
    """Two spans of the same flowers, `all/1` and `all/2`."""
    root = tmp_path_factory.mktemp("spans")
    for number in (1, 2):
        shutil.copytree(flowers, root / f"all/{number}")
    return root


def facts(listing):
    return [(picture.path, picture.label, picture.size) for picture in listing.pictures]


def test_spans_become_one_folder_whose_files_keep_their_class(both, flowers):
    listed = registry.list_pictures(str(flowers))
    (both / "all/2/README").touch()
    listing = registry.list_pictures(str(both), SourceOptions("all/1/*/*|all/2/*/*"))

    assert listing.path == str(both)
    assert facts(listing) == [
        (f"all/{number}/{path}", label, size)
        for number in (1, 2)
        for path, label, size in facts(listed)
    ]
    assert listing.classes == listed.classes
    assert listing.loose_files == 1


def test_a_span_more_changes_the_fingerprint(both):
    one = registry.list_pictures(str(both), SourceOptions("all/1/*/*"))
    two = registry.list_pictures(str(both), SourceOptions("all/1/*/*|all/2/*/*"))
    assert two.fingerprint() != one.fingerprint()


def test_one_span_alone_is_listed_as_if_there_were_no_others(both):
    alone = registry.list_pictures(str(both / "all/2"))
    listing = registry.list_pictures(str(both), SourceOptions("all/2/*/*"))

    assert listing.path == alone.path
    assert facts(listing) == facts(alone)


def test_the_folders_of_spans_stand_before_the_last_two_parts_of_their_patterns():
    assert spans.folders("*/*") == ("",)
    assert spans.folders("of/span-1/*/*") == ("of/span-1",)
    assert spans.folders(spans.together(["a/1/*/*", "a/2/*/*"])) == ("a/1", "a/2")
