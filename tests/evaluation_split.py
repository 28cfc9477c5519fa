"""Pictures of one colour each, as the ingest leaves an evaluation split."""

from tests.pictures import picture


def write(folder, colours, test=()):
    """An Examples artifact in `folder` (pathlib.Path) with a picture for each of the colours.

    Those of `test` are in a split of that name.
    """
    from tfx.types import artifact_utils, standard_artifacts

    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(["eval", *(["test"] if test else [])])
    artifact.set_string_custom_property("file_format", "tfrecords_gzip")
    artifact.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    _write(folder / "Split-eval", colours)
    if test:
        _write(folder / "Split-test", test)
    return artifact


def _write(split, colours):
    import tensorflow as tf

    from components import features

    split.mkdir(parents=True)
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(split / "data_tfrecord-00000-of-00001.gz"), options) as writer:
        for number, colour in enumerate(colours):
            data = {
                features.IMAGE: picture(colour, noise=number),
                features.LABEL: colour.encode(),
                features.FILENAME: f"{colour}/{number}.png".encode(),
                features.SHA256: f"{number:064x}".encode(),
            }
            feature = {
                name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                for name, value in data.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
