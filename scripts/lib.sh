# shellcheck shell=bash
# Shared by the scripts beside it; sourced, never run. Sets $root (the checkout) and $deps (where set-up puts things).
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=$root/.deps
script=$(basename "$0")

say() { printf '\n== %s\n' "$*"; }

die() {
  printf '%s: %s\n' "$script" "$*" >&2
  exit 1
}

# step NAME COMMAND...: runs it with its output in a log, says every 10 s how far it is, and on failure ends the script
# with one last line that says which step failed and why.
step() {
  local name=$1 log started=$SECONDS status
  shift
  mkdir -p "$deps/logs"
  log=$deps/logs/${name//[^A-Za-z0-9]/-}.log
  say "$name"
  tick "$log" "$started" &
  ticker=$!
  # Not 'if' or '||': within those, a failing line of the command would not end it.
  set +e
  (set -e; "$@") >"$log" 2>&1 </dev/null
  status=$?
  set -e
  stop_ticker
  [ $status -eq 0 ] || die "step '$name' failed: $(reason "$log") (log: ${log#"$root"/})"
  printf '   done in %d s\n' $((SECONDS - started))
}

ticker=
stop_ticker() {
  [ -z "$ticker" ] || { kill "$ticker" && wait "$ticker"; } 2>/dev/null || true
  ticker=
}
trap stop_ticker EXIT

tick() {
  local log=$1 started=$2 never
  # A read that nobody answers, not 'sleep': no child is left behind that keeps a pipe or a lock open.
  exec {never}<> <(:)
  while ! read -r -t 10 -u "$never" _; do
    printf '   %3d s: %s\n' $((SECONDS - started)) "$(progress "$log")"
  done
}

# What a person wants to see of a running step: the bytes that a download has reached, else the log's last line.
progress() {
  local last size
  last=$(tr '\r' '\n' <"$1" | awk 'NF {line = $0} END {print substr(line, 1, 100)}')
  size=$(du -sm "$deps/tmp" 2>/dev/null | cut -f1)
  if [ "${size:-0}" -gt 1 ]; then
    printf '%s [%s MB fetched]' "$last" "$size"
  else
    printf '%s' "${last:-working}"
  fi
}

# The line of a log that says why: the first that looks like an error, else the last one.
reason() {
  awk 'NF {last = $0} !found && /(^E: |[Ee]rror|ERROR|FAILED|Expected sha256|No space|not found)/ {found = $0}
       END {print substr(found ? found : last, 1, 300)}' "$1"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "E: needs root for: $* (no sudo here)"
    return 1
  fi
}

# The toolkit that is on the machine, as a folder with bin/nvcc; fails if there is none.
find_toolkit() {
  local nvcc
  [ "${VOXD_IGNORE_TOOLKIT:-0}" = 0 ] || return 1
  nvcc=$(command -v nvcc || true)
  [ -n "$nvcc" ] || nvcc=/usr/local/cuda/bin/nvcc
  [ -x "$nvcc" ] && "$nvcc" --version 2>/dev/null | grep -q 'release 13\.' || return 1
  dirname "$(dirname "$(realpath "$nvcc")")"
}

# build PRESET [TARGET...]: configures and builds, by default everything. With $VOXD_UNITY as the option of that name.
build() {
  local preset=$1
  shift
  if command -v ccache >/dev/null; then
    # Paths from the build folder, so that what presets have in common is compiled once.
    export CCACHE_BASEDIR=$root
    export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
  fi
  if [ -x "$deps/cuda/bin/nvcc" ]; then
    export CUDACXX=$deps/cuda/bin/nvcc CUDAToolkit_ROOT=$deps/cuda
  fi
  cd "$root"
  step "Configure $preset" cmake --preset "$preset" ${VOXD_UNITY:+-DVOXD_UNITY="$VOXD_UNITY"}
  step "Build $preset" cmake --build --preset "$preset" ${1:+--target "$@"}
}

# Debian 12's sources as this machine's own apt has them, one line each: deb SITE RELEASE main.
debian_sources() {
  # shellcheck disable=SC2016
  apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    grep -E ' bookworm(-updates|-security)? main$' | sort -u
}

# make_debian_root TREE [PACKAGE,...]: a minimal Debian 12 in a new folder. Needs root and debootstrap.
make_debian_root() {
  local tree=$1 site
  site=$(debian_sources | awk '$3 == "bookworm" {print $2; exit}')
  [ -n "$site" ] || { echo "E: this machine's apt knows no mirror of bookworm"; return 1; }
  rm -rf "$tree"
  debootstrap --variant=minbase ${2:+--include="$2"} bookworm "$tree" "$site"
}

# identify_series FOLDER [TAG=VALUE...]: a copy of the real CT series, which came without identifiers, with new ones: what
# refers to its images needs them. The tags are set as well.
identify_series() {
  local folder=$1 tag now more=()
  shift
  for tag in "$@"; do more+=(-i "$tag"); done
  now=$(date +%s%N)
  rm -rf "$folder"
  cp -rL "$deps/data/ct_series" "$folder"
  dcmodify --quiet --no-backup --gen-inst-uid -i "SOPClassUID=1.2.840.10008.5.1.4.1.1.2" \
    -i "StudyInstanceUID=2.25.${now}1" -i "SeriesInstanceUID=2.25.${now}2" ${more[@]+"${more[@]}"} "$folder"/*
}

# bundle_on_images_grid FOLDER: a model repository with spleen_on_ct. spleen_seg ends on the grid that its network works on;
# what lies over the images has to come back to theirs.
bundle_on_images_grid() {
  rm -rf "$1"
  mkdir -p "$1/spleen_on_ct"
  cp -rL "$root"/models/zoo/spleen_seg/* "$1/spleen_on_ct/"
  /usr/bin/python3 - "$1/spleen_on_ct/configs" <<'PYTHON'
import json, pathlib, sys
configs = pathlib.Path(sys.argv[1])
chain = json.loads((configs / "inference.json").read_text())
chain["postprocessing"]["transforms"].insert(0, {
    "_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "@image_key", "nearest_interp": False})
(configs / "inference.json").write_text(json.dumps(chain, indent=4))
serving = json.loads((configs / "serving.json").read_text())
for output in serving["outputs"]:
    output["shape"] = [1, -1, -1, -1]
(configs / "serving.json").write_text(json.dumps(serving, indent=4))
PYTHON
}
