import re

import pytest

from components.bit import imagenet, sources


def test_a_thousand_classes_ascend_by_their_wordnet_ids():
    wnids = [known.wnid for known in imagenet.classes()]
    assert len(set(wnids)) == len(wnids) == sources.IMAGENET
    assert wnids == sorted(wnids)
    assert all(re.fullmatch(r"n\d{8}", wnid) for wnid in wnids)


@pytest.mark.parametrize(
    ("index", "wnid", "label"),
    [
        (0, "n01440764", "tench"),
        (1, "n01443537", "goldfish"),
        (207, "n02099601", "golden retriever"),
        (281, "n02123045", "tabby"),
        (340, "n02391049", "zebra"),
        (817, "n04285008", "sports car"),
        (999, "n15075141", "toilet tissue"),
    ],
)
def test_well_known_classes_are_in_their_places(index, wnid, label):
    assert imagenet.classes()[index].wnid == wnid
    assert imagenet.labels()[index] == label


def test_no_two_labels_read_alike():
    assert len({label.casefold() for label in imagenet.labels()}) == sources.IMAGENET


@pytest.mark.parametrize("index", [134, 517])
def test_cranes_are_told_apart(index):
    assert imagenet.labels()[index] == {134: "crane (bird)", 517: "crane (machine)"}[index]


def test_names_are_clean_synonyms():
    for known in imagenet.classes():
        assert known.names
        assert all(name and name == name.strip() for name in known.names)
    assert imagenet.classes()[281].names == ("tabby", "tabby cat")


def test_wordnets_licence_stands_in_the_file_as_it_demands():
    notice = imagenet._FILE.read_text().replace("\n# ", " ")
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in notice
    assert "the same appear on ALL copies of the software, database and documentation" in notice
