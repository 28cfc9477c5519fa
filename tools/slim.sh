#!/bin/sh
# Takes out of an environment what no program of ours reads, 1.1 GB of 3.4, or, with --compile, writes its bytecode.
# Usage: sh tools/slim.sh VENV [--compile]. Needs binutils' strip, but not for --compile.
set -eu
site=$(echo "$1"/lib/python3*/site-packages)
[ -d "$site" ] || { echo "slim.sh needs an environment. Received: $1." >&2 && exit 2; }

if [ "${2:-}" = --compile ]; then
  # Unchecked: nobody edits packages in an image, and nothing is compared at import. Packages bring a few files that are
  # no Python of this version, and warnings about others.
  "$1/bin/python" -W ignore -m compileall -qq -j 0 --invalidation-mode unchecked-hash "$site" || true
  exit 0
fi

# For those who compile operators of their own. libclang is a requirement of TensorFlow that it never imports.
rm -rf "$site/tensorflow/include" "$site/tensorflow/xla_aot_runtime_src" "$site/pyarrow/include" "$site/clang"

# Not *_test.py everywhere: scipy's statistical tests are called so.
find "$site" -type d \( -name tests -o -name testdata \) -prune -exec rm -rf {} +
for package in apache_beam tfx tfx_bsl tensorflow_data_validation tensorflow_model_analysis tensorflow_transform; do
  find "$site/$package" -name '*_test.py' -delete
done

# Symbols for debuggers. Libraries below *.libs were rewritten by auditwheel, which strip is known to break.
find "$site" -name '*.so*' -type f -size +1M -not -path '*.libs/*' -exec strip --strip-unneeded {} +
