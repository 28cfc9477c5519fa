import pytest

from components.bit import sources, variants


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


def test_every_source_names_a_released_variant_and_its_licence():
    for name, source in sources.SOURCES.items():
        assert source.variant in variants.VARIANTS
        assert source.variant.lower() in name
        assert source.licence == "Apache-2.0"


def test_no_two_names_share_an_address():
    addresses = [source.address for source in sources.SOURCES.values()]
    assert len(addresses) == len(set(addresses))
