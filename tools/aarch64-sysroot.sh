#!/usr/bin/env bash
# Unpacks the Debian arm64 libraries that a cross build links into a folder: aarch64-sysroot.sh DIR
# apt works on lists and a (empty) status file of its own below DIR, so the machine's packages and
# architectures stay as they are.
set -euo pipefail
packages=(libboost1.81-dev libboost-json1.81-dev libboost-json1.81.0 libboost-container1.81-dev
          libboost-container1.81.0 libboost-system1.81-dev libboost-system1.81.0
          libssl-dev libssl3 libcli11-dev libgtest-dev libpcre2-dev libpcre2-8-0)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
done_file=$dir/.unpacked
[ "$(cat "$done_file" 2>/dev/null)" = "${packages[*]}" ] && exit 0

mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/apt/debs"
: >"$dir/apt/status"
apt=(apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
     -o Dir::State="$dir/apt" -o Dir::State::lists="$dir/apt/lists"
     -o Dir::State::status="$dir/apt/status" -o Dir::Cache="$dir/apt/cache")
log=$dir/apt/log
if ! { "${apt[@]}" update && cd "$dir/apt/debs" && "${apt[@]}" download "${packages[@]}"; } \
     >"$log" 2>&1; then
  echo "aarch64-sysroot: cannot download arm64 packages ($(tail -n 1 "$log"))" >&2
  exit 1
fi
for deb in "$dir"/apt/debs/*.deb; do dpkg-deb -x "$deb" "$dir"; done
rm -rf "$dir/apt"
echo "${packages[*]}" >"$done_file"
