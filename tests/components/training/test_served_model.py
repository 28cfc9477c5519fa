"""What the exported SavedModel answers."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.saved_model import loader_impl
from tensorflow_serving.apis import prediction_log_pb2

from bitpipe.model import description
from bitpipe.model import signature as names
from bitpipe.model.signature import SERVING, TRANSFORM_FEATURES
from components import preprocessing
from components.bit import resnet_v2, weights
from components.training import own_answers, served_model, served_signatures, warm_up
from serving.model.servable import SavedModelServable
from serving.server.options import Batching
from tests.pictures import picture

# In the order of the vocabulary: by falling frequency (conftest.COUNTS).
CLASSES = ("green", "red", "blue")


@pytest.fixture(scope="module")
def model(network):
    return network


@pytest.fixture(scope="module")
def path(exported):
    return str(exported)


@pytest.fixture(scope="module")
def loaded(path):
    return tf.saved_model.load(path)


def classify(loaded, pictures):
    answer = loaded.signatures[SERVING](image=tf.constant(pictures))
    return {name: value.numpy() for name, value in answer.items()}


def test_scores_are_the_keras_models_own(loaded, model):
    pictures = [
        picture("red"),
        picture("blue", size=(9, 31), form="JPEG"),
        picture("green", noise=9),
    ]
    answer = classify(loaded, pictures)
    decoded = [tf.image.resize(tf.io.decode_image(p, channels=3), [16, 16]) / 255 for p in pictures]
    expected = keras.ops.softmax(model(tf.stack(decoded))).numpy()
    np.testing.assert_allclose(answer["scores"], expected, atol=1e-5)
    assert answer["scores"].std() > 0.01


def test_labels_stand_beside_the_scores_and_the_best_is_named(loaded):
    answer = classify(loaded, [picture("red"), picture("green")])
    assert answer["labels"].tolist() == [[name.encode() for name in CLASSES]] * 2
    best = answer["scores"].argmax(1)
    assert answer["label"].tolist() == [CLASSES[index].encode() for index in best]
    np.testing.assert_allclose(answer["scores"].sum(1), 1, atol=1e-5)


def test_a_batch_answers_like_its_pictures_alone(loaded):
    pictures = [picture(colour, noise=30, seed=i) for i, colour in enumerate(CLASSES)]
    together = classify(loaded, pictures)["scores"]
    alone = np.concatenate([classify(loaded, [one])["scores"] for one in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_it_says_what_it_is_in_a_file_that_can_be_read_without_running_it(path, model):
    described = description.read(path)
    assert described.variant == "R14x0.5"
    assert described.labels == CLASSES
    assert described.size == 16
    copy = resnet_v2.build(described.variant, len(described.labels))
    weights.load(copy, path, head=True)
    pictures = np.random.default_rng(0).random((2, 16, 16, 3), "float32")
    np.testing.assert_allclose(copy(pictures), model(pictures), rtol=1e-3)


def test_an_empty_batch_is_answered_with_nothing(loaded):
    answer = loaded.signatures[SERVING](image=tf.zeros([0], tf.string))
    assert answer["scores"].shape == (0, 3)
    assert loaded(tf.zeros([0, 24, 24, 3])).shape == (0, 1024)


def test_the_short_answer_is_the_beginning_of_the_whole_one(loaded):
    pictures = [picture(colour, noise=30, seed=i) for i, colour in enumerate(CLASSES)]
    whole = classify(loaded, pictures)
    order = np.argsort(-whole["scores"], axis=1, kind="stable")
    short = loaded.signatures[names.SERVING_TOP](image=tf.constant(pictures))
    assert set(short) == set(whole)
    # Three classes: all of them, in another order.
    np.testing.assert_array_equal(
        short["scores"], np.take_along_axis(whole["scores"], order, axis=1)
    )
    np.testing.assert_array_equal(
        short["labels"], np.take_along_axis(whole["labels"], order, axis=1)
    )
    np.testing.assert_array_equal(short["label"], whole["label"])


def test_the_short_answer_ends_after_the_best_five():
    scores = np.random.default_rng(0).random((2, 9), np.float32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def nine(image):
        labels = tf.tile([[f"class {i}" for i in range(9)]], [2, 1])
        return {"scores": tf.constant(scores), "labels": labels, "label": image}

    short = served_signatures.derived(nine)[names.SERVING_TOP](tf.constant(["a", "b"]))
    assert short["scores"].shape == (2, names.TOP_K)
    for row in range(2):
        best = np.argsort(-scores[row])[: names.TOP_K]
        assert short["scores"][row].numpy().tolist() == scores[row][best].tolist()
        assert short["labels"][row].numpy().tolist() == [f"class {i}".encode() for i in best]


def test_classify_says_of_examples_what_predict_says_of_their_pictures(path, loaded):
    pictures = [picture("red", noise=9), picture("green", noise=30)]
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={"image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))}
            )
        ).SerializeToString()
        for data in pictures
    ]
    answer = loaded.signatures[names.CLASSIFY](inputs=tf.constant(examples))
    whole = classify(loaded, pictures)
    assert set(answer) == {"classes", "scores"}
    np.testing.assert_array_equal(answer["scores"], -np.sort(-whole["scores"], axis=1))
    assert answer["classes"].numpy()[:, 0].tolist() == whole["label"].tolist()
    assert len(set(answer["classes"].numpy()[1].tolist())) == len(CLASSES)
    graph = loader_impl.parse_saved_model(path).meta_graphs[0]
    assert graph.signature_def[names.CLASSIFY].method_name == "tensorflow/serving/classify"
    assert graph.signature_def[SERVING].method_name == "tensorflow/serving/predict"


def test_labels_become_indices_and_unknown_ones_minus_one(loaded):
    answer = loaded.signatures[TRANSFORM_FEATURES](
        label=tf.constant(["red", "purple", "green", "blue"])
    )
    assert answer[preprocessing.LABEL].numpy().tolist() == [1, -1, 0, 2]


def test_bytes_that_are_no_picture_are_an_invalid_argument(loaded):
    with pytest.raises(tf.errors.InvalidArgumentError):
        classify(loaded, [b"not a picture"])


@pytest.mark.parametrize("form", ["GIF", "BMP"])
def test_a_picture_of_another_format_is_refused_though_tensorflow_decodes_it(loaded, form):
    data = picture("red", form=form)
    assert tf.io.decode_image(data).shape[-1] == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="One of JPEG, PNG required"):
        classify(loaded, [picture("red"), data])


@pytest.fixture(scope="module")
def halved(model, transform_output, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("export") / "2")
    served = served_model.ServedModel(model, transform_output, CLASSES, "bfloat16")
    served_model.export(served, path)
    return path


def test_in_bfloat16_the_answers_lose_digits_and_stay_float32(halved, loaded):
    again = tf.saved_model.load(halved)
    pictures = [picture(colour, noise=30, seed=i) for i, colour in enumerate(CLASSES)]
    answer, whole = classify(again, pictures), classify(loaded, pictures)
    assert answer["scores"].dtype == np.float32
    difference = np.abs(answer["scores"] - whole["scores"]).max()
    assert 1e-5 < difference < 0.05
    np.testing.assert_array_equal(answer["label"], whole["label"])
    assert again.signatures[SERVING](image=tf.zeros([0], tf.string))["scores"].shape == (0, 3)


def test_in_bfloat16_kernels_are_in_the_graph_once_and_weights_whole_in_the_checkpoint(
    halved, path, model, loaded
):
    nodes = [
        node
        for function in loader_impl.parse_saved_model(halved)
        .meta_graphs[0]
        .graph_def.library.function
        for node in function.node_def
        if node.op == "Const" and node.attr["dtype"].type == tf.bfloat16.as_datatype_enum
    ]
    kernels = [v.shape.num_elements() for v in model.variables if "kernel" in v.path]
    held = sum(tf.TensorShape(n.attr["value"].tensor.tensor_shape).num_elements() for n in nodes)
    assert sum(kernels) - 3 * 1024 <= held < 1.05 * sum(kernels)  # the head is float32
    for one, other in zip(
        *map(
            tf.train.list_variables,
            (f"{halved}/variables/variables", f"{path}/variables/variables"),
        ),
        strict=True,
    ):
        assert one == other
    assert (description.read(halved).precision, description.read(path).precision) == (
        "bfloat16",
        "float32",
    )
    images = np.random.default_rng(0).random((2, 37, 50, 3), np.float32)
    np.testing.assert_allclose(tf.saved_model.load(halved)(images), loaded(images), atol=1e-5)


def test_a_loader_of_graphs_restores_every_variable(path, loaded):
    """TensorFlow Serving does not rebuild Python objects: it runs the graph's restore operation."""
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], path)
        signature = graph.signature_def[SERVING]
        fetches = {name: info.name for name, info in signature.outputs.items()}
        pictures = [picture("red"), picture("blue")]
        answer = session.run(fetches, {signature.inputs["image"].name: pictures})
    np.testing.assert_allclose(answer["scores"], classify(loaded, pictures)["scores"], atol=1e-6)


def test_no_optimiser_state_is_exported(model, transform_output, tmp_path):
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    served = served_model.ServedModel(model, transform_output, CLASSES)
    served_model.export(served, str(tmp_path / "1"))
    names = tf.train.list_variables(str(tmp_path / "1" / "variables" / "variables"))
    assert len([name for name, shape in names if shape]) == len(model.variables)


def test_called_with_pictures_it_gives_the_networks_features(loaded, model):
    images = np.random.default_rng(0).random((2, 37, 50, 3), np.float32)
    network = keras.Model(model.input, model.get_layer(resnet_v2.FEATURES).output)
    np.testing.assert_allclose(loaded(images), network(images), atol=1e-4)


def test_a_loaded_model_can_be_trained_further(path):
    again = tf.saved_model.load(path)
    images = tf.constant(np.random.default_rng(0).random((4, 32, 32, 3), np.float32))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(again(images) ** 2)
    gradients = tape.gradient(loss, again.trainable_variables)
    # The head has no part in the features.
    assert [gradient is None for gradient in gradients[-2:]] == [True, True]
    assert all(float(tf.norm(gradient)) > 0 for gradient in gradients[:-2])


def test_an_exported_model_is_a_source_of_weights(path, model):
    copy = resnet_v2.build("R14x0.5", num_classes=3)
    weights.load(copy, path, head=True)
    images = np.random.default_rng(1).random((2, 33, 32, 3), np.float32)
    np.testing.assert_allclose(copy(images), model(images), atol=1e-4)


def test_warm_up_requests_are_there_for_every_signature_and_for_batches_of_the_first(path, loaded):
    records = tf.data.TFRecordDataset(f"{path}/{warm_up.FILE}").as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    requests = [log.predict_log.request for log in logs]
    asked = {
        (one.model_spec.signature_name, value.tensor_shape.dim[0].size)
        for one in requests
        for value in one.inputs.values()
    }
    assert asked == {
        *((name, 1) for name in loaded.signatures),
        *((SERVING, size) for size in warm_up.BATCH_SIZES),
    }
    assert len(requests) == len(asked)
    assert Path(path, warm_up.FILE).stat().st_size < 2**16


def test_a_server_answers_the_warm_up_requests_while_it_loads(path, monkeypatch):
    asked = []
    predict = SavedModelServable.predict
    monkeypatch.setattr(
        SavedModelServable, "predict", lambda *args: asked.append(1) or predict(*args)
    )
    SavedModelServable(path).close()
    assert len(asked) == len(warm_up.BATCH_SIZES) + 3


def test_the_largest_batch_of_the_warm_up_is_that_of_the_servers():
    assert warm_up.BATCH_SIZES[-1] == Batching().max_batch_size
    manifests = Path(__file__).parents[3] / "kubernetes" / "serving" / "base"
    told = (manifests / "batching_parameters.txt").read_text()
    assert int(re.search(r"max_batch_size { value: (\d+) }", told)[1]) == warm_up.BATCH_SIZES[-1]


def test_the_networks_own_answers_are_those_of_the_exported_model(
    model, transform_output, loaded, tmp_path
):
    """On the first pictures of the split, by name of the file that they are in."""
    served = served_model.ServedModel(model, transform_output, CLASSES)
    pictures = [picture(colour, noise=40, seed=seed) for seed in range(7) for colour in CLASSES]
    files = []
    for number, some in enumerate((pictures[:10], pictures[10:])):
        files.insert(0, str(tmp_path / f"{number}.gz"))
        with tf.io.TFRecordWriter(files[0], "GZIP") as writer:
            for index, data in enumerate(some, start=10 * number):
                values = {"image": data, "filename": b"%d.png" % index, "sha256": b"%064x" % index}
                feature = {
                    name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                    for name, value in values.items()
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())
    said = own_answers.ask(served, files)
    assert said.labels == CLASSES
    assert [one.filename for one in said.answers] == [f"{index}.png" for index in range(16)]
    scores = [one.scores for one in said.answers]
    np.testing.assert_allclose(scores, classify(loaded, pictures[:16])["scores"], atol=1e-6)
    assert own_answers.ask(served, []).answers == ()
