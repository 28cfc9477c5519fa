#!/bin/sh
# Prints the path of a uv that runs: the project's own, the one on the PATH, else one it now installs under .tools/.
# The arguments are interpreters to install it with, tried before python3.
set -eu
cd "$(dirname "$0")/.."
own=$PWD/.tools/uv

runs() { "$1" --version >/dev/null 2>&1; }

for uv in "$own/bin/uv" "$(command -v uv || true)"; do
  if [ -n "$uv" ] && runs "$uv"; then
    echo "$uv"
    exit 0
  fi
done

# shellcheck disable=SC2317  # both are called by name
# Debian packs venv and pip apart from Python; either will do.
with_venv() {
  "$1" -m venv "$own" && "$own/bin/python" -m pip install --require-hashes --requirement requirements/uv.txt
}
# shellcheck disable=SC2317
with_pip() {
  "$1" -m pip install --require-hashes --requirement requirements/uv.txt --target "$own"
}

mkdir -p .tools
: >.tools/uv.log
for python in "$@" python3 /usr/bin/python3; do
  for way in with_venv with_pip; do
    rm -rf "$own"
    if $way "$python" >>.tools/uv.log 2>&1 && runs "$own/bin/uv"; then
      echo "$own/bin/uv"
      exit 0
    fi
  done
done
rm -rf "$own"
if grep -q '^ERROR:' .tools/uv.log; then
  echo "uv could not be installed: is the package index reachable? What pip said is in .tools/uv.log." >&2
else
  echo "uv could not be installed: Python has neither venv nor pip here. Run: apt-get install python3-venv" >&2
fi
exit 2
