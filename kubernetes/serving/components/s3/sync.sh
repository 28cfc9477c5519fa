#!/bin/sh
# Keeps the newest versions of some models of a bucket in a folder that TensorFlow Serving watches, and those that
# model_config.txt beside them names, with that file.
#   SOURCE    rclone's name of the folder that holds MODEL/VERSION
#   MODELS    names, with spaces between
#   TARGET    the watched folder; TARGET/.synced appears after the first good round
#   KEEP      how many versions of each
#   INTERVAL  seconds between rounds
set -u

# The Pusher writes saved_model.pb last: a version without it is not complete yet.
complete_versions() {
  listing=$(rclone lsf --files-only --recursive --max-depth 2 --include '/*/saved_model.pb' "$SOURCE/$1") || return 1
  complete=$(printf '%s\n' "$listing" | sed -n 's|^\([0-9][0-9]*\)/saved_model\.pb$|\1|p' | sort -n)
  {
    printf '%s\n' "$complete" | tail -n "$KEEP"
    [ -z "$2" ] || printf '%s\n' "$complete" | grep -xF "$2"
  } | sort -nu
}

# What the server is told; nothing where an earlier bitpipe pushed.
decisions() {
  there=$(rclone lsf --files-only --include /model_config.txt "$SOURCE/$1") || return 1
  [ -z "$there" ] || rclone cat "$SOURCE/$1/model_config.txt"
}

mirror() {
  decided=$(decisions "$1") || return 1
  named=$(printf '%s\n' "$decided" | grep -o '[ {]versions: *[0-9][0-9]*' | sed 's/[^0-9]*//')
  versions=$(complete_versions "$1" "$named") || return 1
  if [ -z "$versions" ]; then
    echo "$SOURCE/$1 holds no complete version." >&2
    return 1
  fi
  mkdir -p "$TARGET/$1" || return 1
  for version in $versions; do
    [ -d "$TARGET/$1/$version" ] && continue
    # No number, so not watched; renamed when whole.
    rm -rf "$TARGET/.incoming"
    rclone copy "$SOURCE/$1/$version" "$TARGET/.incoming" || return 1
    mv "$TARGET/.incoming" "$TARGET/$1/$version" || return 1
    echo "$1: version $version is there"
  done
  # After the versions that it names, before those go that it no longer does.
  if [ -n "$decided" ]; then
    printf '%s\n' "$decided" > "$TARGET/.incoming-config" || return 1
    cmp -s "$TARGET/.incoming-config" "$TARGET/$1/model_config.txt" ||
      mv "$TARGET/.incoming-config" "$TARGET/$1/model_config.txt" || return 1
  fi
  for folder in "$TARGET/$1"/*/; do
    folder=${folder%/}
    printf '%s\n' "$versions" | grep -qx "${folder##*/}" || rm -rf "$folder"
  done
}

while :; do
  failed=
  for model in $MODELS; do
    mirror "$model" || failed="$failed $model"
  done
  if [ -z "$failed" ]; then
    touch "$TARGET/.synced"
  else
    echo "Not mirrored, to be tried again in $INTERVAL s:$failed" >&2
  fi
  sleep "$INTERVAL"
done
