"""The weights that have names: those of the package, and the released ones of BiT.

Source: README of google-research/big_transfer and the models' pages on TensorFlow Hub. All are
published by Google Research under Apache-2.0; no digests are published with them.
"""

import difflib
import itertools
import urllib.parse
from pathlib import Path

from bitpipe.errors import WeightsError
from bitpipe.model.layout import SAVED_MODEL
from bitpipe.model.versions import find_versions
from bitpipe.names import require_utf8
from components.bit import packaged
from components.bit.source import IMAGENET, IMAGENET_21K, Source

BUCKET = "https://storage.googleapis.com/bit_models"
HUB = "https://tfhub.dev/google/bit"

PRETRAINED_SIZE = 224  # px; arXiv:1912.11370, upstream pre-training
FINE_TUNED_SIZE = 480  # px; arXiv:1912.11370, section 3.3: the HyperRule's crop for ImageNet

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


def _released() -> dict[str, Source]:
    sources: dict[str, Source] = {}
    with_h5 = ("R50x1", "R50x3", "R101x1", "R101x3", "R152x4")
    for collection, classes in (("S", IMAGENET), ("M", IMAGENET_21K)):
        # BiT-S was pre-trained on ILSVRC-2012 itself, so its own head answers for it.
        own_size = PRETRAINED_SIZE if classes == IMAGENET else None
        # R152x2 came after the paper, as BiT-M only and not for the hub.
        for variant in (*with_h5, "R152x2") if collection == "M" else with_h5:
            name = f"bit-{collection}-{variant}".lower()
            file = f"{BUCKET}/BiT-{collection}-{variant}"
            sources[name] = Source(
                variant=variant,
                address=f"{file}.npz",
                form="npz",
                num_classes=classes,
                eval_size=own_size,
            )
            if collection == "M":
                sources[f"{name}-ilsvrc2012"] = Source(
                    variant=variant,
                    address=f"{file}-ILSVRC2012.npz",
                    form="npz",
                    num_classes=IMAGENET,
                    eval_size=FINE_TUNED_SIZE,
                )
        for variant in with_h5:
            name = f"bit-{collection}-{variant}".lower()
            module = f"{HUB}/{collection}-{variant}".lower()
            sources[f"{name}-h5"] = Source(
                variant=variant,
                address=f"{BUCKET}/BiT-{collection}-{variant}.h5",
                form="h5",
                num_classes=classes,
                eval_size=own_size,
            )
            sources[f"{name}-hub"] = Source(variant=variant, address=f"{module}/1", form="hub")
            heads: dict[str, tuple[int, int | None]] = {
                "ilsvrc2012": (IMAGENET, own_size or FINE_TUNED_SIZE)
            }
            if classes == IMAGENET_21K:
                heads["imagenet21k"] = (classes, None)
            for task, (outputs, size) in heads.items():
                sources[f"{name}-{task}-hub"] = Source(
                    variant=variant,
                    address=f"{module}/{task}_classification/1",
                    form="hub",
                    num_classes=outputs,
                    eval_size=size,
                )
    # arXiv:2106.05237: ResNet-50s taught by a R152x2, and the two teachers. Sizes: the table of
    # big_vision's configs/proj/distill. There the centre is cut out of a larger picture, here the
    # whole of it is resized, as BiT does.
    for name, variant, file, size in (
        ("bit-r50x1-distilled-160", "R50x1", "R50x1_160", 160),
        ("bit-r50x1-distilled-224", "R50x1", "R50x1_224", 224),
        ("bit-m-r152x2-teacher-224", "R152x2", "R152x2_T_224", 224),
        ("bit-m-r152x2-teacher-384", "R152x2", "R152x2_T_384", 384),
    ):
        sources[name] = Source(
            variant=variant,
            address=f"{BUCKET}/distill/{file}.npz",
            form="npz",
            num_classes=IMAGENET,
            eval_size=size,
        )
    for variant, run, task in itertools.product(with_h5, range(3), VTAB_TASKS):
        sources[f"bit-m-{variant}-vtab-run{run}-{task}".lower()] = Source(
            variant=variant,
            address=f"{BUCKET}/vtab/BiT-M-{variant}-run{run}-{task}.npz",
            form="npz",
        )
    return sources


RELEASED = _released()
SOURCES = packaged.SOURCES | RELEASED


def find(location: str | Path) -> Source | None:
    """The weights of a name or an address; None if there are none."""
    text = str(location)
    if known := SOURCES.get(text.lower()):
        return known
    return next((source for source in SOURCES.values() if source.address == text), None)


def locate(source: str | Path) -> tuple[str, str, str | None]:
    """Where weights are to be had, from a name, a path or an address.

    Returns:
        Path or address; form: "npz", "h5", "hub" or "saved_model"; digest if one is known.

    Raises:
        ConfigError: it is a path that is not valid UTF-8.
        WeightsError: nothing is called or lies there, or a folder that is no SavedModel.
    """
    text = str(source)
    if known := SOURCES.get(text.lower()):
        return known.address, known.form, known.sha256
    form = Path(urllib.parse.urlsplit(text).path).suffix.removeprefix(".").lower()
    if is_address(text):
        return text, form if form in ("npz", "h5") else "hub", None
    path = Path(text).expanduser()
    require_utf8(path, "the backbone")
    if path.is_dir():
        _require_saved_model(path)
        return text, "saved_model", None
    if not path.exists():
        close = difflib.get_close_matches(text.lower(), SOURCES, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise WeightsError(
            f"no weights are called {text!r}{hint} Give a name such as 'bit-mini' or "
            "'bit-m-r50x1', a path to a .npz, .h5 or SavedModel, or a TF Hub handle."
        )
    if form not in ("npz", "h5"):
        raise WeightsError(
            f"a file of weights must be an official .npz or .h5. Received: {text}. Exported models "
            "are given as their folder."
        )
    return text, form, None


def _require_saved_model(folder: Path) -> None:
    if (folder / SAVED_MODEL).is_file():
        return
    if versions := find_versions(folder):
        hint = f"but versions of one; name one of them, such as {versions[max(versions)]}"
    else:
        hint = "which does not; name the folder of an exported model"
    raise WeightsError(
        f"a folder of weights must be a SavedModel and hold {SAVED_MODEL}. Received: {folder}, "
        f"{hint}."
    )


def is_address(location: str) -> bool:
    """Whether `location` is to be downloaded."""
    return location.startswith(("http://", "https://"))


def is_path(location: str) -> bool:
    """Whether `location` means a file or a folder of the machine that reads it."""
    return not is_address(location) and find(location) is None


def find_by_file_name(location: str | Path) -> Source | None:
    """The released weights whose file is called like that of a path or an address, if any are."""
    files = (source for source in RELEASED.values() if source.form in ("npz", "h5"))
    name = _file_name(location)
    return next((source for source in files if _file_name(source.address) == name), None)


def require_classifier(location: str | Path) -> None:
    """Makes sure that released weights are not asked for names which they do not know.

    What `find` does not know passes: whether it has a head shows when it is read.

    Raises:
        WeightsError: released weights without a head for ILSVRC-2012.
    """
    source = find(location)
    if source is None or source.num_classes == IMAGENET:
        return
    if source.num_classes is None:
        reason = f"has no head for the {IMAGENET:,} classes of ImageNet"
    else:
        reason = f"has a head for {source.num_classes:,} classes that were published without names"
    if source in packaged.SOURCES.values():
        other = packaged.CLASSIFIER
    else:
        other = f"bit-m-{source.variant}-ilsvrc2012".lower()
    raise WeightsError(
        f"{location} cannot say what a picture shows: it {reason}. Use {other}, or fine-tune it on "
        "photos of yours with `bitpipe run`."
    )


def _file_name(location: str | Path) -> str:
    return Path(urllib.parse.urlsplit(str(location)).path).name.lower()
