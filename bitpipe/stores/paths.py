"""Paths of disks and addresses of stores, by their spelling alone."""

from pathlib import Path


def is_remote(path: str) -> bool:
    """Whether it is an address such as `gs://bucket/photos`, rather than a path on a disk."""
    return "://" in path


def join(folder: str, *names: str) -> str:
    """Where `names`, one below the other, lie below the folder; each may hold several, with `/`."""
    if is_remote(folder):
        return "/".join([folder.rstrip("/"), *names])
    return str(Path(folder, *names))
