#!/bin/sh
# Builds the container image and prints its size. TARGET=cpu|gpu|test, IMAGE=name:tag and
# BASE=an image with Python (see the Dockerfile) override; the arguments go to `docker build`.
set -eu
cd "$(dirname "$0")/.."
target=${TARGET:-cpu}
image=${IMAGE:-bitpipe:$target}

fail() {
  echo "$*" >&2
  exit 2
}

case $target in
  cpu | gpu | test) ;;
  *) fail "TARGET must be cpu, gpu or test. Received: $target." ;;
esac
docker version >/dev/null 2>&1 ||
  fail "No Docker engine answers. On Debian: apt-get install docker.io, then start it."
base=${BASE:-$(sed -n 's/^ARG BASE=//p' Dockerfile)}
docker image inspect "$base" >/dev/null 2>&1 || docker pull --quiet "$base" >/dev/null 2>&1 ||
  fail "The image $base is not here and cannot be pulled. Name another with Python 3.11 to 3.13: make image BASE=name:tag."

# A variable without a value is taken from the environment, so that no address gets into the command line.
for variable in PIP_INDEX_URL UV_DEFAULT_INDEX; do
  eval "[ -z \"\${$variable:-}\" ]" || set -- --build-arg "$variable" "$@"
done
docker build --target "$target" --tag "$image" --build-arg "BASE=$base" \
  --build-arg "VERSION=$(sed -n 's/^VERSION = "\([^"]*\)".*/\1/p' setup.py)" \
  --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || true)" "$@" .
docker image inspect --format '{{.Size}}' "$image" | awk -v image="$image" '{printf "%s  %.2f GB\n", image, $1 / 1e9}'
