"""The `.npz`, in the layout of the released checkpoints, and the proof that it fits.

The proof is carried in a file: pictures with the answers of the network that was trained. PyTorch
and TensorFlow are rarely installed together, so whoever has the product alone can still judge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bitpipe.errors import WeightsError
from pretraining import files

TOLERANCE = 1e-3  # between logits of two frameworks in float32; they are of the order of 10
PROOF_PICTURES, PROOF_SIZE = 4, 96


def write(arrays: Mapping[str, np.ndarray], path: Path) -> str:
    """Writes names and arrays of `network.to_checkpoint` as float16.

    Returns:
        The file's sha256, hexadecimal. The same arrays give the same file.

    Raises:
        WeightsError: a value does not fit into float16.
    """
    halves = {name: _half(array) for name, array in arrays.items()}
    if strangers := [name for name, half in halves.items() if not np.isfinite(half).all()]:
        raise WeightsError(f"float16 holds up to 65504. Received: more, in {strangers}.")
    with files.replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **halves)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _half(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # it is refused with the array's name
        return array.astype(np.float16)


def read(path: Path) -> dict[str, np.ndarray]:
    """Names and float16 arrays of an exported file."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def write_proof(path: Path, proof: Path, variant: str) -> None:
    """Writes what the PyTorch network answers with the weights of `path`."""
    import torch

    from pretraining import network

    student = network.restore(read(path), variant)
    images = np.random.default_rng(0).random((PROOF_PICTURES, PROOF_SIZE, PROOF_SIZE, 3), "float32")
    with torch.inference_mode():
        logits = student(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    with files.replacing(proof) as part, part.open("wb") as file:
        np.savez(file, images=images, logits=logits, variant=np.array(variant))


def check(path: Path, proof: Path) -> float:
    """The largest difference between the product's logits and those of the proof.

    Args:
        path: an exported file.
        proof: of `write_proof`.

    Raises:
        WeightsError: the weights do not fit the product's network, or its answers differ.
    """
    from components.bit import resnet_v2, weights

    with np.load(proof, allow_pickle=False) as file:
        images, logits, variant = file["images"], file["logits"], str(file["variant"])
    model = resnet_v2.build(variant, logits.shape[1], dtype="float32")
    weights.load(model, path, head=True)
    difference = float(np.abs(np.asarray(model(images, training=False)) - logits).max())
    if not difference < TOLERANCE:
        raise WeightsError(
            f"the product's logits must be those of the training within {TOLERANCE}. Received: a "
            f"difference of {difference:.2g} with {path}."
        )
    return difference
