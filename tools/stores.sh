#!/bin/sh
# Makes .tools/stores, the environment of the object stores that `make test-stores` starts, with this Python.
# usage: stores.sh PYTHON
set -eu
cd "$(dirname "$0")/.."
home=.tools/stores
stamp=$home/lock.cksum

uv=$(sh tools/uv.sh)
if [ "$(cat "$stamp" 2>/dev/null)" != "$(cksum <requirements/stores.txt)" ]; then
  rm -rf "$home"
  "$uv" venv --quiet --no-project --python "$1" "$home"
  "$uv" pip install --quiet --python "$home/bin/python" --no-deps --require-hashes --requirement requirements/stores.txt
  cksum <requirements/stores.txt >"$stamp"
fi
