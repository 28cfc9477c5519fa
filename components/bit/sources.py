"""The released BiT weights: names, addresses, forms and licence.

Source: README of google-research/big_transfer and the models' pages on TensorFlow Hub. All are
published by Google Research under Apache-2.0; no digests are published with them.
"""

import dataclasses
import itertools

BUCKET = "https://storage.googleapis.com/bit_models"
HUB = "https://tfhub.dev/google/bit"
LICENCE = "Apache-2.0"

IMAGENET = 1000  # classes of ILSVRC-2012
IMAGENET_21K = 21_843  # outputs of BiT-M's own head

VTAB_TASKS = (
    "caltech101",
    "cifar100",
    "clevr-count",
    "clevr-distance",
    "diabetic_retinopathy",
    "dmlab",
    "dsprites-orientation",
    "dsprites-xpos",
    "dtd",
    "eurosat",
    "kitti-distance",
    "oxford_flowers102",
    "oxford_iiit_pet",
    "patch_camelyon",
    "resisc45",
    "smallnorb-azimuth",
    "smallnorb-elevation",
    "sun397",
    "svhn",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One released set of weights.

    Attributes:
        variant: the network it belongs to, a name of `variants.VARIANTS`.
        address: where it is published.
        form: "npz", "h5" or "hub".
        num_classes: outputs of its head; None when it has none or they are not documented.
        sha256: digest in hexadecimal where one is known; else the first download is trusted.
        licence: SPDX identifier.
    """

    variant: str
    address: str
    form: str
    num_classes: int | None = None
    sha256: str | None = None
    licence: str = LICENCE


def _released() -> dict[str, Source]:
    sources: dict[str, Source] = {}
    with_h5 = ("R50x1", "R50x3", "R101x1", "R101x3", "R152x4")
    for collection, classes in (("S", IMAGENET), ("M", IMAGENET_21K)):
        # R152x2 came after the paper, as BiT-M only and not for the hub.
        for variant in (*with_h5, "R152x2") if collection == "M" else with_h5:
            name = f"bit-{collection}-{variant}".lower()
            file = f"{BUCKET}/BiT-{collection}-{variant}"
            sources[name] = Source(
                variant=variant, address=f"{file}.npz", form="npz", num_classes=classes
            )
            if collection == "M":
                sources[f"{name}-ilsvrc2012"] = Source(
                    variant=variant,
                    address=f"{file}-ILSVRC2012.npz",
                    form="npz",
                    num_classes=IMAGENET,
                )
        for variant in with_h5:
            name = f"bit-{collection}-{variant}".lower()
            module = f"{HUB}/{collection}-{variant}".lower()
            sources[f"{name}-h5"] = Source(
                variant=variant,
                address=f"{BUCKET}/BiT-{collection}-{variant}.h5",
                form="h5",
                num_classes=classes,
            )
            sources[f"{name}-hub"] = Source(variant=variant, address=f"{module}/1", form="hub")
            heads = {"ilsvrc2012": IMAGENET} | ({"imagenet21k": classes} if classes > 1000 else {})
            for task, outputs in heads.items():
                sources[f"{name}-{task}-hub"] = Source(
                    variant=variant,
                    address=f"{module}/{task}_classification/1",
                    form="hub",
                    num_classes=outputs,
                )
    # arXiv:2106.05237: ResNet-50s taught by a R152x2, and the two teachers.
    for name, variant, file in (
        ("bit-r50x1-distilled-160", "R50x1", "R50x1_160"),
        ("bit-r50x1-distilled-224", "R50x1", "R50x1_224"),
        ("bit-m-r152x2-teacher-224", "R152x2", "R152x2_T_224"),
        ("bit-m-r152x2-teacher-384", "R152x2", "R152x2_T_384"),
    ):
        sources[name] = Source(
            variant=variant,
            address=f"{BUCKET}/distill/{file}.npz",
            form="npz",
            num_classes=IMAGENET,
        )
    for variant, run, task in itertools.product(with_h5, range(3), VTAB_TASKS):
        sources[f"bit-m-{variant}-vtab-run{run}-{task}".lower()] = Source(
            variant=variant,
            address=f"{BUCKET}/vtab/BiT-M-{variant}-run{run}-{task}.npz",
            form="npz",
        )
    return sources


SOURCES = _released()
