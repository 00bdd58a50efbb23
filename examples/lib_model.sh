# Shared by run_mmzero_<model>.sh (sourced with MODEL set): the real run on GPUs.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<USAGE
$(basename "$0"): MM-Zero with model=$MODEL

  bash examples/$(basename "$0")                       run or resume
  bash examples/$(basename "$0") --plan                print every stage's resolved verl command and config, run nothing
  bash examples/$(basename "$0") hardware=gpu8x40 evolution.iterations=1 ...

Environment: MODEL_PATH (a folder instead of the hub id), HARDWARE (gpu8x80 (default), gpu8x40, gpu1x80, multinode, and
with adapters gpu1x24, gpu1x40, gpu1x80_lora), RUN_DIR (default runs/$MODEL), ITERATIONS (default 3), MMZERO_VENV.
Trailing key=value words override anything.
USAGE
  all_keys
}

args=(model="$MODEL" hardware="${HARDWARE:-gpu8x80}" evolution.iterations="${ITERATIONS:-3}" run_dir="${RUN_DIR:-$repo/runs/$MODEL}")
if [[ -n ${MODEL_PATH:-} ]]; then args+=(model.path="$MODEL_PATH"); fi

case ${1:-} in
  --help | -h) usage ;;
  --plan)
    shift
    MMZERO_QUIET=1 setup auto
    exec mmzero plan --commands "${args[@]}" "$@"
    ;;
  *)
    MMZERO_QUIET=1 setup auto
    mmzero doctor "${args[@]}" "$@" || exit 1
    exec mmzero run "${args[@]}" "$@"
    ;;
esac
