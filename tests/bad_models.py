"""Models that must never be pushed, as exported ones look to those who judge them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

COLOURS = ("blue", "green", "red")


def right(colours: Any) -> Any:
    """(B, 3) mean red, green and blue -> scores of COLOURS."""
    import tensorflow as tf

    return tf.nn.softmax(8 * tf.reverse(colours, axis=[1]))


def save(
    folder: Path,
    *,
    labels: tuple[str, ...] = COLOURS,
    answer: Callable[[Any], Any] = right,
    image: str = "image",
    scores: str = "scores",
    serves: bool = True,
    knows_labels: bool = True,
    served: tuple[str, ...] = (),
    answered: tuple[str, ...] = (),
) -> None:
    """Writes a SavedModel that classifies by the mean colour.

    Args:
        folder: of the SavedModel.
        labels: the classes, in the order of the scores.
        answer: mean colours -> scores.
        image: name of its input.
        scores: name of an output.
        serves: it has the signature that is judged and served.
        knows_labels: it has the one that the gate needs beside it.
        served: the classes that it serves beside its scores, where they are others.
        answered: those of which it serves the best one, where they are others.
    """
    import tensorflow as tf

    from bitpipe.model.signature import LABEL, LABELS, SERVING, TRANSFORM_FEATURES

    module = tf.Module()
    module.weights = tf.Variable(1.0)
    module.names = tf.constant(labels)
    module.served = tf.constant(served or labels)
    module.answered = tf.constant(answered or served or labels)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=image)])
    def classify(pictures: Any) -> dict[str, Any]:
        def mean(data: Any) -> Any:
            pixels = tf.io.decode_image(data, channels=3, expand_animations=False)
            return tf.reduce_mean(tf.cast(pixels, tf.float32) / 255, axis=(0, 1))

        colours = tf.map_fn(mean, pictures, fn_output_signature=tf.TensorSpec([3], tf.float32))
        found = answer(module.weights * colours)
        names = tf.broadcast_to(module.served, tf.shape(found))
        best = tf.gather(module.answered, tf.argmax(found, axis=1))
        return {scores: found, LABELS: names, LABEL: best}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="label")])
    def transform_features(label: Any) -> dict[str, Any]:
        matches = tf.equal(label[:, None], module.names[None, :])
        found = tf.where(tf.reduce_any(matches, 1), tf.argmax(matches, 1), -1)
        return {"label_index": found}

    signatures = {
        **({SERVING: classify} if serves else {}),
        **({TRANSFORM_FEATURES: transform_features} if knows_labels else {}),
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _not_finite(colours: Any) -> Any:
    return right(colours) * float("nan")


def _infinite(colours: Any) -> Any:
    return right(colours) / 0.0


def _not_finite_on_blue(colours: Any) -> Any:
    import tensorflow as tf

    found = right(colours)
    is_blue = tf.argmax(found, axis=1)[:, None] == 0
    return tf.where(is_blue, float("nan"), found)


def _always_red(colours: Any) -> Any:
    import tensorflow as tf

    return tf.broadcast_to(tf.constant([0.1, 0.1, 0.8]), tf.shape(colours))


def _undecided(colours: Any) -> Any:
    import tensorflow as tf

    return tf.zeros_like(colours) + 1 / 3


def _never_blue(colours: Any) -> Any:
    import tensorflow as tf

    return right(colours) * tf.constant([0.0, 1.0, 1.0])


def blue_for_green(colours: Any) -> Any:
    """Right on red, and wrong on every green picture."""
    import tensorflow as tf

    found = right(colours)
    is_green = tf.argmax(found, axis=1)[:, None] == 1
    return tf.where(is_green, tf.constant([0.8, 0.1, 0.1]), found)


def _worse(colours: Any) -> Any:
    """Wrong on about half of the red pictures."""
    import tensorflow as tf

    found = right(colours)
    by_chance = tf.math.floormod(colours[:, 0] * 10_000, 2) < 1
    is_one = tf.logical_and(tf.argmax(found, axis=1) == 2, by_chance)
    return tf.where(is_one[:, None], tf.constant([0.1, 0.8, 0.1]), found)


def _fails(colours: Any) -> Any:
    import tensorflow as tf

    with tf.control_dependencies([tf.debugging.assert_less(colours, -1.0)]):
        return right(tf.identity(colours))


def _two(colours: Any) -> Any:
    return right(colours)[:, 1:]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A way to be bad.

    Attributes:
        write: writes the model into a folder.
        said: words of what the gate says of it.
        judged: whether the gate comes to a verdict, and the stage does not fail.
        by_comparison: it is bad only beside the model in service.
    """

    write: Callable[[Path], None]
    said: str
    by_comparison: bool = False
    judged: bool = True


def _saved(**how: Any) -> Callable[[Path], None]:
    return lambda folder: save(folder, **how)


def _without_graph(folder: Path) -> None:
    save(folder)
    (folder / "saved_model.pb").write_bytes(b"")


def _of_noise(folder: Path) -> None:
    save(folder)
    (folder / "saved_model.pb").write_bytes(b"\xff" * 1000)


def _without_weights(folder: Path) -> None:
    save(folder)
    for file in (folder / "variables").iterdir():
        file.unlink()


def _with_cut_weights(folder: Path) -> None:
    save(folder)
    [data] = (folder / "variables").glob("variables.data*")
    data.write_bytes(data.read_bytes()[:2])


def _nothing(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


KINDS = {
    "no files": Kind(_nothing, "has no saved_model.pb", judged=False),
    "no graph": Kind(_without_graph, "damaged", judged=False),
    "a graph of noise": Kind(_of_noise, "damaged", judged=False),
    "no weights": Kind(_without_weights, "damaged", judged=False),
    "weights cut off": Kind(_with_cut_weights, "damaged", judged=False),
    "no serving signature": Kind(_saved(serves=False), "no signature", judged=False),
    "another input": Kind(_saved(image="photo"), "takes photo", judged=False),
    "another output": Kind(_saved(scores="probabilities"), "probabilities, where", judged=False),
    "fails on pictures": Kind(_saved(answer=_fails), "fails on a picture", judged=False),
    "NaN weights": Kind(_saved(answer=_not_finite), "finite"),
    "infinite scores": Kind(_saved(answer=_infinite), "finite"),
    "NaN on one class": Kind(_saved(answer=_not_finite_on_blue), "finite"),
    "swapped labels": Kind(_saved(labels=("red", "green", "blue")), "recognised"),
    # Of both TFMA says that they are always right.
    "served labels swapped": Kind(_saved(served=("green", "red", "blue")), "recognised"),
    "best label swapped": Kind(_saved(answered=("green", "red", "blue")), "recognised"),
    "wrong classes": Kind(_saved(labels=("ant", "bee", "cat")), "recognised"),
    "a class gone": Kind(_saved(labels=COLOURS[1:], answer=_two), "missing", True),
    "a class never answered": Kind(_saved(answer=_never_blue), "recognised"),
    "two classes confused": Kind(_saved(answer=blue_for_green), "recognised"),
    "worse": Kind(_saved(answer=_worse), "model in service", True),
    "always the same answer": Kind(_saved(answer=_always_red), "largest class"),
    "undecided": Kind(_saved(answer=_undecided), "recognised"),
}
