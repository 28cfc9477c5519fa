#!/bin/sh
# sbom: writes what the images hold to dist/, from their locks. audit: asks for known vulnerabilities of what the locks hold.
# usage: supply.sh sbom|audit
set -eu
cd "$(dirname "$0")/.."
home=.tools/supply
stamp=$home/lock.cksum

uv=$(sh tools/uv.sh)
if [ "$(cat "$stamp" 2>/dev/null)" != "$(cksum <requirements/supply.txt)" ]; then
  rm -rf "$home"
  "$uv" venv --quiet --no-project "$home"
  "$uv" pip install --quiet --python "$home/bin/python" --no-deps --require-hashes --requirement requirements/supply.txt
  cksum <requirements/supply.txt >"$stamp"
fi

case ${1:-} in
  sbom)
    mkdir -p dist
    for image in image image-gpu; do
      "$home/bin/cyclonedx-py" requirements --output-reproducible -o "dist/$image.cdx.json" "requirements/$image.txt"
      echo "dist/$image.cdx.json: $(grep -c '"purl"' "dist/$image.cdx.json") packages (CycloneDX)"
    done
    ;;
  audit)
    status=0
    for lock in image image-gpu stable current; do
      echo "requirements/$lock.txt:"
      # Strict: a package that the database could not be asked about counts as a failure, not as harmless.
      "$home/bin/pip-audit" --strict --disable-pip --require-hashes --progress-spinner off \
        --requirement "requirements/$lock.txt" || status=1
    done
    [ $status = 0 ] || echo "The above has known vulnerabilities, or the database could not be asked." >&2
    exit $status
    ;;
  *)
    echo "usage: $0 sbom|audit" >&2
    exit 2
    ;;
esac
