# Shared by the scripts in this folder (sourced with STAGE set): one step of a run alone.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

usage() {
  cat <<USAGE
$(basename "$0"): the step $STAGE of one iteration. Needs what comes before it in RUN_DIR, and the settings of that run.

  RUN_DIR=runs/tiny_cpu bash examples/stages/$(basename "$0") [key=value ...]
  RUN_DIR=runs/big MODEL=qwen2_5_vl_7b HARDWARE=gpu8x80 ITERATION=2 bash examples/stages/$(basename "$0")
  bash examples/stages/$(basename "$0") --plan         print the steps of the run, run nothing

Environment: RUN_DIR (default runs/tiny_cpu), ITERATION (default 1), MODEL (default tiny), HARDWARE (default cpu),
ITERATIONS of the whole run (default: ITERATION), PROFILE (auto, cpu or gpu environment), MMZERO_VENV. Trailing
key=value words override anything. The tiny model's rewards and collection are the first command's.
USAGE
  all_keys
}

step=$(printf 'iter_%02d/%s' "${ITERATION:-1}" "$STAGE")
arguments=(model="${MODEL:-tiny}" hardware="${HARDWARE:-cpu}" run_dir="${RUN_DIR:-$repo/runs/tiny_cpu}"
  evolution.iterations="${ITERATIONS:-${ITERATION:-1}}")
if [[ ${MODEL:-tiny} == tiny ]]; then arguments+=("${tiny_run[@]}"); fi

case ${1:-} in
  --help | -h) usage ;;
  --plan)
    shift
    MMZERO_QUIET=1 setup "${PROFILE:-auto}"
    exec mmzero plan "${arguments[@]}" "$@"
    ;;
  *)
    MMZERO_QUIET=1 setup "${PROFILE:-auto}"
    exec mmzero run --from "$step" --until "$step" "${arguments[@]}" "$@"
    ;;
esac
