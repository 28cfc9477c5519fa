"""What classifiers say of picture files, against a forward pass and a resize not our own."""

import io
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage

from bitpipe.errors import ConfigError, UnreadablePictureError, WeightsError
from bitpipe.model import description
from bitpipe.model.signature import LABEL, SCORES, SERVING
from components.bit import classifier, imagenet, resnet_v2, sources, variants, weights
from tests.components.bit import numpy_resnet
from tests.pictures import picture

VARIANT = "R14x0.5"
UNITS, WIDTH = variants.get(VARIANT).units, variants.get(VARIANT).width_factor
SIZE = 40


def save(path, num_classes):
    checkpoint = numpy_resnet.random_checkpoint(UNITS, WIDTH, num_classes)
    np.savez(path, **checkpoint)
    return path, checkpoint


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    return save(tmp_path_factory.mktemp("npz") / "own.npz", sources.IMAGENET)


@pytest.fixture(scope="module")
def released(npz):
    return classifier.open_classifier(npz[0], variant=VARIANT, size=SIZE)


@pytest.fixture
def photos(tmp_path):
    """Wider, taller and smaller than what the network sees, and one of each is noisy."""
    files = []
    for index, size in enumerate([(90, 61), (33, 120), (20, 14)]):
        path = tmp_path / f"{index}.png"
        path.write_bytes(picture("green", size=size, noise=90, seed=index))
        files.append(path)
    return files


def resized(pixels, size):
    """Bilinear between pixel centres, without antialiasing: (H, W, 3) uint8 -> float in [0, 1]."""
    rows, columns = (
        np.clip((np.arange(size) + 0.5) * side / size - 0.5, 0, side - 1)
        for side in pixels.shape[:2]
    )
    grid = np.meshgrid(rows, columns, indexing="ij")
    planes = [
        ndimage.map_coordinates(pixels[..., colour].astype(np.float64), grid, order=1)
        for colour in range(3)
    ]
    return np.stack(planes, axis=-1) / 255


def expected_scores(checkpoint, pixels, size=SIZE):
    logits = numpy_resnet.forward(checkpoint, UNITS, resized(pixels, size)[None])[0]
    exponents = np.exp(logits - logits.max())
    return exponents / exponents.sum()


def test_released_weights_answer_as_the_independent_network_does(npz, released, photos):
    for path, answer in classifier.classify_files(released, photos):
        scores = expected_scores(npz[1], np.asarray(Image.open(path)))
        best = np.argsort(-scores)[:5]
        assert [name for name, _ in answer[:5]] == [imagenet.labels()[index] for index in best]
        np.testing.assert_allclose([score for _, score in answer[:5]], scores[best], rtol=1e-3)


def test_every_class_is_scored_once_in_falling_order(released, photos):
    [(path, answer)] = classifier.classify_files(released, photos[:1])
    scores = [score for _, score in answer]
    assert path == photos[0]
    assert sorted(name for name, _ in answer) == sorted(imagenet.labels())
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-4)


def test_a_turned_photo_is_seen_upright(npz, released, photos, tmp_path):
    upright = Image.open(photos[0])
    exif = Image.Exif()
    exif[0x0112] = 6  # EXIF orientation: to be turned a quarter clockwise
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    answers = [
        answer
        for _, answer in classifier.classify_files(released, [photos[0], tmp_path / "turned.png"])
    ]
    assert answers[0] == answers[1]


def test_a_folder_means_the_pictures_below_it(released, photos, tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below/no extension").write_bytes(photos[0].read_bytes())
    (tmp_path / "below/labels.txt").write_text("no picture")
    [(path, answer)] = classifier.classify_files(released, [tmp_path / "below"])
    assert path == tmp_path / "below/no extension"
    assert answer == next(classifier.classify_files(released, photos))[1]


def test_answers_do_not_depend_on_the_pictures_before(released, photos):
    together = dict(classifier.classify_files(released, photos))
    alone = dict(next(classifier.classify_files(released, [path])) for path in reversed(photos))
    assert together == alone


@pytest.mark.parametrize(
    ("name", "size"), [("own.npz", 480), ("R50x1_160.npz", 160), ("BiT-M-R50x1.npz", 480)]
)
def test_pictures_get_the_size_that_the_files_name_stands_for(npz, tmp_path, name, size):
    os.link(npz[0], tmp_path / name)
    opened = classifier.open_classifier(tmp_path / name, variant=VARIANT)
    wanted = classifier.open_classifier(npz[0], variant=VARIANT, size=size)
    data = picture("red", size=(50, 40), noise=90)
    np.testing.assert_array_equal(opened.answer(data)[1], wanted.answer(data)[1])


def test_the_variant_need_not_be_named(npz, released):
    data = picture("red", size=(50, 40), noise=90)
    opened = classifier.open_classifier(npz[0], size=SIZE)
    np.testing.assert_array_equal(opened.answer(data)[1], released.answer(data)[1])


@pytest.mark.parametrize("num_classes", [None, 7, sources.IMAGENET_21K])
def test_another_head_or_none_is_refused_in_one_sentence(tmp_path, num_classes):
    path, _ = save(tmp_path / "other.npz", num_classes)
    with pytest.raises(WeightsError, match=r"has no head, or not one for the 1,000.*bitpipe run"):
        classifier.open_classifier(path, variant=VARIANT)


def test_what_else_is_wrong_with_a_source_is_told_by_its_own_sentence(npz, tmp_path):
    with pytest.raises(WeightsError, match="no weights are called"):
        classifier.open_classifier(tmp_path / "missing.npz", variant=VARIANT)
    with pytest.raises(ConfigError, match=r"is of R14x0\.5\. Received: the variant R26x0\.5"):
        classifier.open_classifier(npz[0], variant="R26x0.5")
    with pytest.raises(ConfigError, match="unknown variant 'R5'"):
        classifier.open_classifier(npz[0], variant="R5")


def test_a_failed_download_is_not_tried_twice(monkeypatch):
    attempts = []

    def load(model, source, *, head, **_):
        attempts.append(head)
        raise WeightsError("cannot download")

    monkeypatch.setattr(weights, "load", load)
    with pytest.raises(WeightsError, match="cannot download"):
        classifier.open_classifier("bit-r50x1-distilled-160")
    assert attempts == [True]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"", "is empty"), (b"text", "it is a text"), ("half", "truncated")],
)
def test_a_bad_picture_is_named_after_those_before_it_are_answered(
    released, photos, tmp_path, content, reason
):
    bad = tmp_path / "bad.jpg"
    if content == "half":
        content = photos[0].read_bytes()[:900]
    if content is not None:
        bad.write_bytes(content)
    answers = classifier.classify_files(released, [photos[0], bad, photos[1]])
    assert next(answers)[0] == photos[0]
    with pytest.raises(UnreadablePictureError, match=rf"bad\.jpg cannot be used: .*{reason}"):
        next(answers)


def test_what_only_tensorflow_refuses_is_a_bad_picture_too(photos):
    class Refusing:
        def answer(self, picture):
            return tf.io.decode_image(picture[:50])

    with pytest.raises(UnreadablePictureError, match=r"0\.png .*TensorFlow cannot decode it"):
        next(classifier.classify_files(Refusing(), photos))


@pytest.fixture(scope="module")
def export(exported):
    """VERSION folder of an exported model whose classes are green, red and blue."""
    return exported


@pytest.fixture(scope="module")
def described(export):
    """The classifier that reads its weights and runs nothing."""
    return classifier.open_classifier(export)


@pytest.mark.parametrize("trusted", [False, True])
def test_an_export_answers_with_its_own_names_and_preprocessing(export, described, photos, trusted):
    opened = classifier.open_classifier(export, trusted=True) if trusted else described
    signature = tf.saved_model.load(str(export)).signatures[SERVING]
    for path, answer in classifier.classify_files(opened, photos):
        outputs = signature(image=tf.constant([path.read_bytes()]))
        assert answer[0][0] == outputs[LABEL].numpy()[0].decode()
        assert {name for name, _ in answer} == {"red", "green", "blue"}
        assert answer[0][1] == pytest.approx(outputs[SCORES].numpy().max(), abs=1e-6)


def test_an_export_takes_what_the_ingest_takes(described, tmp_path):
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture("red", size=(30, 20)))).save(buffer, "WEBP", lossless=True)
    (tmp_path / "a.webp").write_bytes(buffer.getvalue())
    (tmp_path / "a.png").write_bytes(picture("red", size=(30, 20)))
    files = [tmp_path / "a.webp", tmp_path / "a.png"]
    first, second = (answer for _, answer in classifier.classify_files(described, files))
    assert first == second


def test_of_a_folder_of_versions_the_newest_is_taken(export, tmp_path):
    (tmp_path / "8").mkdir()
    (tmp_path / "8" / "saved_model.pb").write_bytes(b"")  # were 8 the newest, it would be opened
    (tmp_path / "10").symlink_to(export)
    opened = classifier.open_classifier(tmp_path)
    assert set(opened.answer(picture("red"))[0]) == {"red", "green", "blue"}


@pytest.mark.parametrize("option", [{"variant": VARIANT}, {"size": 64}])
def test_an_export_takes_neither_variant_nor_size(export, option):
    with pytest.raises(ConfigError, match="Leave them out"):
        classifier.open_classifier(export, **option)


def test_a_damaged_export_is_refused_in_one_sentence(export, tmp_path):
    shutil.copytree(export, tmp_path / "7")
    shutil.rmtree(tmp_path / "7" / "variables")
    for trusted in (False, True):
        with pytest.raises(WeightsError, match="it is damaged"):
            classifier.open_classifier(tmp_path / "7", trusted=trusted)


def test_an_export_that_does_not_say_what_it_is_answers_only_where_it_is_trusted(export, tmp_path):
    shutil.copytree(export, tmp_path / "7")
    (tmp_path / "7" / description.PLACE).unlink()
    with pytest.raises(WeightsError, match=r"does not say what it is.*--trust-backbone"):
        classifier.open_classifier(tmp_path / "7")
    opened = classifier.open_classifier(tmp_path / "7", trusted=True)
    assert set(opened.answer(picture("red"))[0]) == {"red", "green", "blue"}


class Module(tf.Module):
    """A network that takes float pictures, as those of TF Hub do."""

    def __init__(self, model):
        super().__init__()
        self.kept = [variable.value for variable in model.variables]
        self._call = lambda images: model(images)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    def __call__(self, images):
        return self._call(images)


def test_a_saved_model_with_imagenets_head_answers_like_its_weights(npz, released, tmp_path):
    model = resnet_v2.build(VARIANT, sources.IMAGENET)
    weights.load(model, npz[0], head=True)
    tf.saved_model.save(Module(model), str(tmp_path))
    opened = classifier.open_classifier(tmp_path, variant=VARIANT, size=SIZE, trusted=True)
    data = picture("blue", noise=90)
    np.testing.assert_allclose(opened.answer(data)[1], released.answer(data)[1], rtol=1e-4)


@pytest.fixture(scope="module")
def of_features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    tf.saved_model.save(Module(resnet_v2.build(VARIANT)), str(folder))
    return folder


def test_a_saved_model_of_features_is_no_export_and_has_no_head(of_features):
    assert not classifier.is_export(of_features)
    with pytest.raises(WeightsError, match="has no head, or not one for"):
        classifier.open_classifier(of_features, variant=VARIANT, trusted=True)


@pytest.mark.parametrize("lost", ["variables/variables.index", "saved_model.pb"])
def test_a_damaged_saved_model_is_told_without_words_of_tensorflow(of_features, tmp_path, lost):
    damaged = shutil.copytree(of_features, tmp_path / "damaged")
    (damaged / lost).write_bytes(b"")
    with pytest.raises(WeightsError) as refusal:
        weights.load(resnet_v2.build(VARIANT), damaged, trusted=True)
    assert str(refusal.value) == (
        f"cannot load the SavedModel {damaged}: it is damaged, or part of it is missing. Export, "
        "copy or download it again."
    )
