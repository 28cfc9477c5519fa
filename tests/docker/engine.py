"""Whether there is a Docker engine, and the image to be tested."""

import os
import shutil
import subprocess

import pytest

IMAGE = os.environ.get("IMAGE", "bitpipe:cpu")


def _why_not():
    if shutil.which("docker") is None:
        return "no Docker client"
    answer = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)
    if answer.returncode == 0:
        return ""
    reason = answer.stderr.decode(errors="replace").strip().splitlines()
    return f"no image {IMAGE} (make image): {reason[-1] if reason else 'no answer'}"


_REASON = _why_not()
needs_image = pytest.mark.skipif(bool(_REASON), reason=_REASON or "it is there")
