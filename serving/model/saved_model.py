"""What a SavedModel says of itself, read without loading it."""

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from bitpipe.errors import ModelLoadError
from bitpipe.model import signature
from bitpipe.model.layout import SAVED_MODEL
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join


def check_signature(path: str) -> None:
    """Makes sure that a folder's SavedModel keeps the contract of `bitpipe.model.signature`.

    Args:
        path: of the folder, on a disk or in a store.

    Raises:
        ModelLoadError: it holds no SavedModel, or one with another signature.
    """
    try:
        content = store_of(path).read(join(path, SAVED_MODEL))
        graphs = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    except (OSError, DecodeError) as error:
        raise ModelLoadError(f"{path} is no SavedModel ({error}). Push the model again.") from error
    for graph in graphs:
        found = graph.signature_def.get(signature.SERVING)
        if found is not None and signature.is_kept(found.inputs, found.outputs):
            return
    raise ModelLoadError(
        f"The model's signature {signature.SERVING} must take {signature.IMAGE} and return "
        f"{' and '.join(signature.OUTPUTS)}. That of {path} does not: name a model which "
        f"`bitpipe run` pushed."
    )
