"""What is known of a SavedModel without loading it."""

import pytest
import tensorflow as tf

from bitpipe.errors import ModelLoadError
from serving.model.saved_model import check_signature


def test_the_projects_signature_is_recognised_without_loading(saved_model, bucket):
    check_signature(str(saved_model))
    check_signature(bucket(saved_model))


def test_another_signature_is_refused(tmp_path):
    class Doubling(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def serve(self, x):
            return {"scores": 2 * x}

    doubling = Doubling()
    signatures = {"serving_default": doubling.serve}
    tf.saved_model.save(doubling, str(tmp_path / "1"), signatures=signatures)
    with pytest.raises(ModelLoadError, match="must take image and return scores and labels"):
        check_signature(str(tmp_path / "1"))


@pytest.mark.parametrize("content", [None, b"no protocol buffer"])
def test_what_is_no_saved_model_is_told(tmp_path, content):
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ModelLoadError, match="is no SavedModel"):
        check_signature(str(tmp_path))
