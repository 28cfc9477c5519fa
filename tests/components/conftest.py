"""A Transform output of one's own: the real graph on a few pictures, without a pipeline."""

import pytest

from components import features
from tests import forks
from tests.pictures import picture


def pytest_configure():
    """Two logical CPUs for the tests of several devices, before TensorFlow counts them."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


COUNTS = {"green": 12, "red": 11, "blue": 10}


def example(colour, seed=0):
    """What the ingest makes of a picture, as far as Transform and Trainer read it."""
    return {
        features.IMAGE: picture(colour, noise=20, seed=seed),
        features.LABEL: colour.encode(),
        features.SHA256: f"{colour}-{seed:04}".encode(),
    }


@pytest.fixture(scope="session")
def transform_output(tmp_path_factory):
    """tft.TFTransformOutput of `preprocessing_fn` on COUNTS pictures of each colour, resize 20,
    crop 16."""
    import functools

    import tensorflow as tf
    import tensorflow_transform as tft
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

    from components import preprocessing

    rows = [
        {name: [value] for name, value in example(colour, seed).items() if name != features.SHA256}
        for colour, count in COUNTS.items()
        for seed in range(count)
    ]
    spec = {
        name: tf.io.FixedLenFeature([1], tf.string) for name in (features.IMAGE, features.LABEL)
    }
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    folder = str(tmp_path_factory.mktemp("transform"))
    preprocessing_fn = functools.partial(
        preprocessing.preprocessing_fn, custom_config={"resize": 20, "eval_size": 16}
    )
    with tft_beam.Context(temp_dir=str(tmp_path_factory.mktemp("transform_temp"))):
        transform_fn = (rows, metadata) | tft_beam.AnalyzeDataset(preprocessing_fn)
        _ = transform_fn | tft_beam.WriteTransformFn(folder)
    return tft.TFTransformOutput(folder)


@pytest.fixture(scope="session")
def network():
    """An R14x0.5 of three classes whose head is not zero; tests must leave its weights alone."""
    import keras
    import numpy as np

    from components.bit import resnet_v2

    keras.utils.set_random_seed(3)
    model = resnet_v2.build("R14x0.5", num_classes=3)
    head, random = model.layers[-1], np.random.default_rng(0)
    head.set_weights([random.normal(size=weight.shape) for weight in head.get_weights()])
    return model


@pytest.fixture(scope="session")
def exported(network, transform_output, tmp_path_factory):
    """VERSION folder of its export, whose classes are green, red and blue; tests must not write."""
    from components import preprocessing
    from components.training import served_model

    names = [n.decode() for n in transform_output.vocabulary_by_name(preprocessing.VOCABULARY)]
    path = tmp_path_factory.mktemp("serving") / "colours" / "7"
    served_model.export(served_model.ServedModel(network, transform_output, names), str(path))
    return path


@pytest.fixture(scope="session")
def train_files(tmp_path_factory):
    """Gzipped TFRecords of 12 green, 11 red and 10 blue examples in two files."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("Split-train")
    paths = [str(folder / f"data-{shard}.gz") for shard in range(2)]
    writers = [tf.io.TFRecordWriter(path, "GZIP") for path in paths]
    for colour, count in COUNTS.items():
        for seed in range(count):
            features_ = {
                name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                for name, value in example(colour, seed).items()
            }
            record = tf.train.Example(features=tf.train.Features(feature=features_))
            writers[seed % 2].write(record.SerializeToString())
    for writer in writers:
        writer.close()
    return paths


@pytest.fixture(scope="session")
def parent():
    """Starts programs that train; see tests/forks.py."""
    with forks.parent("components.training.fine_tuning", "components.training.inputs") as parent:
        yield parent


@pytest.fixture(scope="session")
def new_tiny():
    """Makes a classifier of two classes that compiles in no time, and can tell bright from dark."""
    import keras

    def new_tiny():
        keras.utils.set_random_seed(1)
        pictures = keras.Input((None, None, 3))
        mean = keras.layers.GlobalAveragePooling2D()(pictures)
        head = keras.layers.Dense(2, kernel_initializer="zeros", name="head")
        return keras.Model(pictures, head(mean))

    return new_tiny
