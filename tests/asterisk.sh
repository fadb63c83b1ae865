#!/usr/bin/env bash
# Asterisk from a later Debian, because Debian 12 and 13 have none: unpacked into FOLDER with the
# libraries that it needs, neither installed nor run. tests/it/asterisk starts it with these libraries.
#   tests/asterisk.sh FOLDER
set -euo pipefail

folder=$(realpath -m "$1")
suite=forky
if [ "$(cat "$folder/suite" 2>/dev/null)" = "$suite" ]; then exit 0; fi
rm -rf "$folder"
mkdir -p "$folder/root" "$folder/apt/lists/partial" "$folder/apt/archives/partial"
touch "$folder/apt/status"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
# The mirror that this machine uses.
# shellcheck disable=SC2016 # apt-get's own variable
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
echo "deb [signed-by=$keys] $mirror $suite main" >"$folder/apt/sources.list"
# A state of its own, in which nothing is installed, so that all dependencies come along. The
# signature is verified, but an older copy of the archive will do.
apt=(apt-get -qq -y
  -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o Dir::State::status="$folder/apt/status" -o Dir::State::lists="$folder/apt/lists"
  -o Dir::Cache="$folder/apt" -o Dir::Cache::archives="$folder/apt/archives"
  -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1
  -o Acquire::Check-Valid-Until=false)
if ! { "${apt[@]}" update && "${apt[@]}" install --download-only --no-install-recommends asterisk; }; then
  echo "Asterisk cannot be had: $suite of $mirror is out of reach, or has none" >&2
  exit 1
fi
for package in "$folder"/apt/archives/*.deb; do
  dpkg -x "$package" "$folder/root"
done
rm -rf "$folder/apt"
echo "$suite" >"$folder/suite"
