import os
import re

import pytest

from bitpipe.errors import ConfigError, WeightsError
from components.bit import hyperrule, sources, variants


@pytest.mark.parametrize(
    ("name", "file", "num_classes"),
    [
        ("bit-m-r50x1", "BiT-M-R50x1.npz", 21_843),
        ("bit-s-r152x4", "BiT-S-R152x4.npz", 1000),
        ("bit-m-r152x2", "BiT-M-R152x2.npz", 21_843),
        ("bit-m-r101x3-ilsvrc2012", "BiT-M-R101x3-ILSVRC2012.npz", 1000),
        ("bit-m-r50x3-h5", "BiT-M-R50x3.h5", 21_843),
        ("bit-r50x1-distilled-224", "distill/R50x1_224.npz", 1000),
        ("bit-m-r101x1-vtab-run2-clevr-count", "vtab/BiT-M-R101x1-run2-clevr-count.npz", None),
    ],
)
def test_released_files_are_in_the_bucket(name, file, num_classes):
    source = sources.SOURCES[name]
    assert source.address == f"{sources.BUCKET}/{file}"
    assert source.address.endswith(f".{source.form}")
    assert source.num_classes == num_classes


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("bit-s-r50x1-hub", "s-r50x1/1"),
        ("bit-m-r152x4-ilsvrc2012-hub", "m-r152x4/ilsvrc2012_classification/1"),
        ("bit-m-r101x1-imagenet21k-hub", "m-r101x1/imagenet21k_classification/1"),
    ],
)
def test_released_modules_are_on_the_hub(name, handle):
    source = sources.SOURCES[name]
    assert (source.form, source.address) == ("hub", f"{sources.HUB}/{handle}")


@pytest.mark.parametrize("name", ["bit-s-r152x2", "bit-s-r50x1-imagenet21k-hub", "bit-l-r50x1"])
def test_what_was_never_released_is_not_listed(name):
    assert name not in sources.SOURCES


def test_every_released_name_holds_its_variant():
    for name, source in sources.RELEASED.items():
        assert source.variant in variants.VARIANTS
        assert source.variant.lower() in name


def test_no_two_names_share_an_address():
    addresses = [source.address for source in sources.RELEASED.values()]
    assert len(addresses) == len(set(addresses))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("bit-m-r50x1-ilsvrc2012", 480),
        ("bit-m-r152x4-ilsvrc2012-hub", 480),
        ("bit-s-r50x1", 224),
        ("bit-s-r101x3-h5", 224),
        ("bit-s-r101x1-ilsvrc2012-hub", 224),
        ("bit-r50x1-distilled-160", 160),
        ("bit-r50x1-distilled-224", 224),
        ("bit-m-r152x2-teacher-224", 224),
        ("bit-m-r152x2-teacher-384", 384),
    ],
)
def test_classifiers_are_judged_at_the_size_they_were_published_with(name, size):
    assert sources.SOURCES[name].eval_size == size


def test_heads_of_imagenet_and_no_others_have_a_size():
    for source in sources.SOURCES.values():
        assert (source.eval_size is not None) == (source.num_classes == sources.IMAGENET)


def test_the_fine_tuned_size_is_the_hyperrules():
    rule = hyperrule.for_dataset(num_examples=1_281_167, image_area=500 * 375)
    assert rule.crop == sources.FINE_TUNED_SIZE


def test_names_and_addresses_are_found_and_paths_are_not():
    for name, source in sources.SOURCES.items():
        assert sources.find(name.upper()) is source
    for source in sources.RELEASED.values():
        assert sources.find(source.address) is source
    assert sources.find("elsewhere/BiT-M-R50x1.npz") is None


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("downloads/BiT-M-R101x1-ILSVRC2012.npz", "bit-m-r101x1-ilsvrc2012"),
        ("bit-s-r50x3.h5", "bit-s-r50x3-h5"),
        ("https://mirror.example/R50x1_160.npz?token=1", "bit-r50x1-distilled-160"),
    ],
)
def test_a_copy_is_known_by_its_file_name(location, name):
    assert sources.find_by_file_name(location) is sources.SOURCES[name]


@pytest.mark.parametrize("location", ["1", "own.npz", "hub/1", "BiT-M-R50x1"])
def test_other_file_names_stand_for_nothing(location):
    assert sources.find_by_file_name(location) is None


@pytest.mark.parametrize("location", ["bit-s-r50x1-hub", "BIT-M-R50x3", "bit-m-r152x2", "bit-mini"])
def test_released_weights_that_know_no_names_are_refused_with_some_that_do(location):
    with pytest.raises(WeightsError, match=f"^{location} cannot say what") as error:
        sources.require_classifier(location)
    (remedy,) = re.findall(r"Use ([\w-]+),", str(error.value))
    sources.require_classifier(remedy)
    assert sources.SOURCES[remedy].variant == sources.find(location).variant


def test_the_classes_of_another_head_are_counted():
    with pytest.raises(WeightsError, match="21,843 classes"):
        sources.require_classifier(sources.SOURCES["bit-m-r50x1"].address)


def test_a_path_that_tensorflow_cannot_open_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"the backbone must be a path in UTF-8.*caf\\xe9'"):
        sources.locate(tmp_path / os.fsdecode(b"caf\xe9"))


def test_a_folder_that_is_no_saved_model_is_refused_and_a_version_of_it_proposed(tmp_path):
    with pytest.raises(WeightsError, match=r"hold saved_model\.pb.*which does not"):
        sources.locate(tmp_path)
    version = tmp_path / "7"
    version.mkdir()
    (version / "saved_model.pb").touch()
    with pytest.raises(WeightsError, match=f"versions of one; name one of them, such as {version}"):
        sources.locate(tmp_path)
    assert sources.locate(version) == (str(version), "saved_model", None)


@pytest.mark.parametrize("location", ["bit-m-r50x1-ilsvrc2012", "BiT-M-R50x1.npz", "own/1"])
def test_classifiers_and_unknown_sources_pass(location):
    sources.require_classifier(location)
