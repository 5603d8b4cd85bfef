# script/lib.sh -- what the scripts share; sourced, never run.
# Sets ROOT (the repository) and makes it the current folder.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# build_preset PRESET [TARGET...]: configures build/PRESET where that has not been done, and builds.
build_preset() {
    local preset=$1
    shift
    [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" || return
    cmake --build "build/$preset" ${1+--target "$@"}
}
