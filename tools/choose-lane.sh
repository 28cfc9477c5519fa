#!/bin/sh
# Prints the lane that fits this machine and an interpreter for it, e.g. "stable /usr/bin/python3.10".
# LANE and PYTHON override the choice. Exit 2: no lane fits what is there, and stderr says why.
# Exit 3: only the interpreter is missing; prints the lane and the version to install, e.g. "stable 3.10".
# Needs nothing but a POSIX shell, uname and getconf, so that tests can put imitations on the PATH.
set -u

say() { printf '%s\n' "$*" >&2; }

# "cpython3.10", or nothing where the interpreter does not start: a pyenv shim may be there and refuse to.
version_of() { "$1" -c 'import sys; print("%s%d.%d" % ((sys.implementation.name,) + sys.version_info[:2]))' 2>/dev/null; }

# The lane of an interpreter's answer; nothing for one that no lane supports.
lane_of() {
  case $1 in
    cpython3.10) echo stable ;;
    cpython3.11 | cpython3.12 | cpython3.13) echo current ;;
  esac
}

# Why a lane's wheels do not install here; nothing where they do.
obstacle() {
  case $1 in
    current)
      [ "$system" = Darwin/arm64 ] || { [ "$system" = Linux/x86_64 ] && [ "$glibc" -ge 239 ]; } ||
        rule="Linux x86_64 with glibc >= 2.39, or macOS arm64"
      ;;
    stable) [ "$system" = Linux/x86_64 ] && [ "$glibc" -ge 228 ] || rule="Linux x86_64 with glibc >= 2.28" ;;
  esac
  [ -z "${rule:-}" ] || echo "lane $1 needs $rule. Received: $system, ${libc:-no glibc}."
}

# Every place an interpreter of that version may be, best first.
candidates() {
  set -f
  IFS=:
  # shellcheck disable=SC2086  # the PATH is split at its colons on purpose
  set -- "$1" $PATH
  unset IFS
  set +f
  version=$1
  shift
  for name in "python$version" python3 python; do
    for folder in "$@"; do echo "$folder/$name"; done
    [ "$name" != "python$version" ] || for place in \
      "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/"$version".*/bin/"$name" \
      "${UV_PYTHON_INSTALL_DIR:-${HOME:-}/.local/share/uv/python}"/cpython-"$version".*/bin/"$name"; do
      echo "$place"
    done
  done
}

find_interpreter() {
  candidates "$1" | while IFS= read -r candidate; do
    if [ -x "$candidate" ] && [ "$(version_of "$candidate" </dev/null)" = "cpython$1" ]; then
      echo "$candidate"
      break
    fi
  done
}

system=$(uname -s)/$(uname -m)
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=
glibc=0
case $libc in
  "glibc 2."*) # "glibc 2.36" -> 236
    minor=${libc#glibc 2.}
    glibc=$((200 + ${minor%%.*}))
    ;;
esac

case ${LANE:-} in
  "" | stable | current) ;;
  *) say "LANE must be stable or current. Received: $LANE." && exit 2 ;;
esac

if [ -n "${PYTHON:-}" ]; then
  python=$(command -v "$PYTHON") || python=$PYTHON
  version=$(version_of "$python")
  lane=$(lane_of "$version")
  if [ -z "$lane" ] || [ "$lane" != "${LANE:-$lane}" ]; then
    say "PYTHON must be CPython 3.10 (lane stable) or 3.11-3.13 (lane current). Received: $PYTHON, ${version:-which does not start}${LANE:+, with LANE=$LANE}."
    exit 2
  fi
  reason=$(obstacle "$lane")
  [ -z "$reason" ] || { say "PYTHON=$PYTHON does not fit this machine: $reason" && exit 2; }
  echo "$lane $python"
  exit 0
fi

missing=
for lane in ${LANE:-current stable}; do
  reason=$(obstacle "$lane")
  [ -z "$reason" ] || { reasons="${reasons:+$reasons }$reason" && continue; }
  case $lane in
    current) versions="3.13 3.12 3.11" ;;
    stable) versions="3.10" ;;
  esac
  for version in $versions; do
    python=$(find_interpreter "$version")
    [ -z "$python" ] || { echo "$lane $python" && exit 0; }
  done
  missing=${missing:-$lane ${versions%% *}}
done
[ -n "$missing" ] || { say "No lane fits this machine: $reasons" && exit 2; }
echo "$missing"
exit 3
