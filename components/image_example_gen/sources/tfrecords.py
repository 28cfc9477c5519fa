"""TFRecord files of tf.Examples that hold encoded pictures and their labels."""

import mmap
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from bitpipe.errors import DataError
from bitpipe.names import printable
from bitpipe.stores.paths import is_remote, join
from bitpipe.stores.store import UnfitFileError
from bitpipe.wording import counted
from components.image_example_gen.listing import ListedPicture, Listing
from components.image_example_gen.sources import given_splits, tf_examples, tree
from components.image_example_gen.sources.options import SourceOptions

NAME = "tfrecords"

_ENDING = re.compile(r"\.tfrecords?(-\d+-of-\d+)?(\.gz)?$", re.IGNORECASE)
_GZIP_MAGIC = b"\x1f\x8b"

# TensorFlow's own examples and converters; TensorFlow Datasets, and our own ingest.
_IMAGE_FEATURES = ("image/encoded", "image", "image_raw")
_LABEL_FEATURES = ("image/class/text", "label", "image/class/label", "class")

# Where the picture lies in its file: `train.tfrecord@1234+5678`, position and length.
_PLACE = re.compile(r"^(.*)@(\d+)\+(\d+)$", re.DOTALL)


def is_named(path: str) -> bool:
    """Whether a path is that of a TFRecord file, by its ending."""
    return bool(_ENDING.search(path))


def fits(found: tree.Tree) -> bool:
    """Whether a folder holds TFRecord files and nothing that may be a picture."""
    return any(is_named(file.path) for file in (*found.files, *found.skipped)) and all(
        is_named(file.path) for file in found.files
    )


def list_file(path: str, options: SourceOptions) -> Listing:
    """Lists the records of one file; fails as `from_tree`."""
    folder, _, name = path.rpartition("/")
    folder = folder or ("/" if path.startswith("/") else ".")
    return from_tree(tree.Tree(folder, (tree.one(folder, name),), (), ()), options)


def from_tree(found: tree.Tree, options: SourceOptions) -> Listing:
    """See `registry.list_pictures`.

    Raises:
        DataError: a file is damaged, compressed (or in an archive that is), or lacks a feature.
        StoreError: the store of an address does not answer.
    """
    files = sorted(
        (file for file in (*found.files, *found.skipped) if is_named(file.path)),
        key=lambda file: file.path,
    )
    if not files:
        raise DataError(
            "TFRecord files must have names that end in .tfrecord, or .tfrecord-00000-of-00010. "
            f"Received: none in {found.path}; check the path, or rename them."
        )
    given = [picture for file in files for picture in _pictures(found.path, file, options)]
    if not given:
        raise DataError(
            f"TFRecord files must hold examples. Received: none in {found.path}; check the path."
        )
    settled = given_splits.settle(given)
    said = [f"TFRecords: {counted(len(files), 'file')} with {counted(len(given), 'example')}"]
    if splits := given_splits.in_words(given, settled):
        said.append(splits)
    others = found.found - len(files)
    return Listing(
        found.path,
        settled,
        skipped_files=others,
        found=len(given) + others,
        recognised="; ".join(said),
    )


def read(path: str, picture: ListedPicture) -> bytes:
    """See `Source.read`."""
    place = _PLACE.match(picture.path)
    assert place  # this source listed it
    name, start, size = place[1], int(place[2]), int(place[3])
    data = tree.read_range(path, name, start, size)
    if len(data) < size:
        raise UnfitFileError(0, "its file has become shorter", name)
    return data


def _pictures(folder: str, file: tree.File, options: SourceOptions) -> Iterator[ListedPicture]:
    place = join(folder, file.path)
    split = _split_of(file.path)
    with _opened(folder, file) as data:
        try:
            if data[:2] == _GZIP_MAGIC:
                raise DataError(
                    "TFRecord files must not be compressed, as each record is read by itself. "
                    f"Received: {place}, compressed with gzip; "
                    "`gunzip --suffix '' --stdout FILE > "
                    f"{printable(file.path).removesuffix('.gz')}` unpacks it."
                )
            for at, features in tf_examples.examples(data):
                where = f"the record at byte {at} of {place}"
                image = _value(features, options.image_feature, _IMAGE_FEATURES, "image", where)
                value = _value(features, options.label_feature, _LABEL_FEATURES, "label", where)
                if image.start < 0:
                    raise DataError(
                        "The image feature must hold an encoded picture. "
                        f"Received: a number in {where}; set data.image_feature."
                    )
                label = _label(data, value, where)
                yield ListedPicture(
                    f"{file.path}@{image.start}+{image.size}",
                    *(label, split, image.size, file.mtime_ns, NAME, file.stamp),
                )
        except tf_examples.DamagedRecordError as error:
            raise DataError(
                f"TFRecord files must be whole and hold tf.Examples. Received: {place}: "
                f"{error}; make it again."
            ) from error
        except UnfitFileError as error:
            raise DataError(
                "TFRecord files are read where they lie, record by record. "
                f"Received: {place}: {error.strerror}."
            ) from error


@contextmanager
def _opened(folder: str, file: tree.File) -> Iterator[tf_examples.Readable]:
    """The bytes of a file, of which few are in memory at a time."""
    if not file.size:
        yield b""
    elif is_remote(folder) or tree.archive_kind(folder):
        yield tf_examples.Paged(partial(tree.read_range, folder, file.path), file.size)
    else:
        with (
            Path(folder, file.path).open("rb") as opened,
            closing(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)) as data,
        ):
            yield data


def _value(
    features: Mapping[str, tf_examples.Value],
    wanted: str,
    usual: Iterable[str],
    what: str,
    where: str,
) -> tf_examples.Value:
    names = (wanted,) if wanted else usual
    found = next((features[name] for name in names if name in features), None)
    if found is None:
        raise DataError(
            f"Each record must have a feature with its {what} "
            f"({wanted or 'usually ' + ' or '.join(usual)}). Received: "
            f"{printable(', '.join(sorted(features))) or 'no feature'} in {where}; "
            f"set data.{what}_feature to one of them."
        )
    return found


def _label(data: tf_examples.Readable, value: tf_examples.Value, where: str) -> str:
    if value.start < 0:
        return str(value.number)
    try:
        return data[value.start : value.start + value.size].decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"Labels must be text in UTF-8. Received: other bytes in {where}; "
            "set data.label_feature."
        ) from error


def _split_of(path: str) -> str | None:
    """The split that a file's name or a folder on its way names, as in flowers-train.tfrecord."""
    words = re.split(r"[^A-Za-z]+", path)
    splits = {split for word in words if (split := given_splits.named(word))}
    return splits.pop() if len(splits) == 1 else None
