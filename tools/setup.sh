#!/bin/sh
# Makes the environment: chooses the lane, installs its lock, and this project in editable form.
# Does nothing when nothing changed; what an interrupted run left is repaired by the next. LANE, PYTHON and VENV override.
# GPU=1 adds CUDA's libraries, which later calls keep; GPU=0 does without them again.
set -eu
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}
stamp=$venv/bitpipe.lane  # written last: lane (and "gpu"), interpreter, this folder, checksum
busy=$venv/bitpipe.busy   # there while packages are being written

fail() {
  echo "$*" >&2
  exit 2
}

# The locks of a lane, the second with CUDA's libraries on top of the first.
locks() {
  echo "requirements/$1.txt"
  [ -z "$gpu" ] || case $1 in
    stable) echo requirements/stable-gpu.txt ;;
    current) echo requirements/image-gpu.txt ;;
  esac
}

# shellcheck disable=SC2046  # names without blanks
checksum() { cat setup.py pyproject.toml $(locks "$1") | cksum; }

# The stamp's four lines, for an environment of that lane and interpreter.
describe() { printf '%s\n' "$1${gpu:+ gpu}" "$2" "$PWD" "$(checksum "$1")"; }

installed_lane='' installed_gpu='' installed_python='' gpu=''
if [ -f "$stamp" ] && "$venv/bin/python" -c '' 2>/dev/null; then
  { read -r installed_lane installed_gpu && read -r installed_python; } <"$stamp"
fi
case ${GPU:-} in
  "") gpu=$installed_gpu ;;
  0) ;;
  1) gpu=gpu ;;
  *) fail "GPU must be 1 (with CUDA's libraries) or 0. Received: $GPU." ;;
esac
[ -z "$gpu" ] || [ "$(uname -s)/$(uname -m)" = Linux/x86_64 ] ||
  fail "GPU=1 needs an NVIDIA GPU and Linux on x86-64. Received: $(uname -s) on $(uname -m). Set up without it."
if [ -n "$installed_lane" ]; then
  if [ "${LANE:-$installed_lane}" = "$installed_lane" ] &&
    [ "${PYTHON:-$installed_python}" = "$installed_python" ] &&
    [ "$(describe "$installed_lane" "$installed_python")" = "$(cat "$stamp")" ]; then
    exit 0
  fi
  # A changed lock is no reason to change the interpreter.
  [ "${LANE:-$installed_lane}" != "$installed_lane" ] || PYTHON=${PYTHON:-$installed_python}
fi

status=0
choice=$(LANE=${LANE:-} PYTHON=${PYTHON:-} sh tools/choose-lane.sh) || status=$?
lane=${choice%% *} python=${choice#* }
case $status in
  0) uv=$(sh tools/uv.sh "$python") ;;
  3)
    uv=$(sh tools/uv.sh)
    echo "Python $python is not here: asking uv for it."
    if ! "$uv" python install --quiet "$python" 2>/dev/null ||
      ! choice=$(LANE=$lane PYTHON='' sh tools/choose-lane.sh); then
      fail "Lane $lane needs Python $python, which is not installed and could not be downloaded. Install it, or name one: make setup PYTHON=/path/to/python."
    fi
    python=${choice#* }
    ;;
  *) exit "$status" ;;
esac

# Lane stable builds one C++ extension (pyfarmhash has no wheel for 3.10).
if [ "$lane" = stable ]; then
  header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include") + "/Python.h")')
  if ! command -v "${CXX:-c++}" >/dev/null || [ ! -f "$header" ]; then
    fail "Lane stable needs a C++ compiler and Python's headers. Run: apt-get install g++ python3.10-dev"
  fi
fi

answer='import sys; print(sys.version_info[:2], sys.implementation.name)'
if [ -e "$busy" ] || { [ -n "$installed_gpu" ] && [ -z "$gpu" ]; } || [ "${installed_python:-$python}" != "$python" ] || { [ -f "$stamp" ] && [ "$(sed -n 3p "$stamp")" != "$PWD" ]; } ||
  [ "$("$venv/bin/python" -c "$answer" 2>/dev/null)" != "$("$python" -c "$answer")" ]; then
  [ ! -d "$venv" ] || [ -f "$venv/pyvenv.cfg" ] || [ -e "$busy" ] || [ -z "$(ls -A "$venv")" ] ||
    fail "$venv is not a Python environment, and will not be replaced. Move it away, or name another: make setup VENV=DIR."
  rm -rf "$venv"
fi

echo "Setting up lane $lane${gpu:+ for GPUs} in $venv with $python ($([ -z "$gpu" ] && echo 3 || echo 7) GB; a minute, or as long as the download takes) ..."
[ -z "$gpu" ] || [ -e /proc/driver/nvidia/version ] ||
  echo "There is no NVIDIA driver here (/proc/driver/nvidia/version): until there is, TensorFlow will use the CPU."
mkdir -p "$venv"
rm -f "$stamp"
: >"$busy"
[ -f "$venv/pyvenv.cfg" ] || "$uv" venv --quiet --no-project --allow-existing --python "$python" "$venv"
for lock in $(locks "$lane"); do
  "$uv" pip install --quiet --python "$venv/bin/python" --no-deps --require-hashes \
    --build-constraints requirements/build.in --requirement "$lock"
done
"$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
describe "$lane" "$python" >"$stamp"
rm -f "$busy"
echo "Ready: $venv/bin/bitpipe"
