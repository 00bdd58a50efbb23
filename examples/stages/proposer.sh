#!/usr/bin/env bash
# One step of a run alone: proposer of iteration ${ITERATION:-1}. Needs what comes before it in RUN_DIR.
#
#   RUN_DIR=runs/tiny_cpu bash examples/stages/proposer.sh [key=value ...]
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
MMZERO_QUIET=1 setup "${PROFILE:-auto}"
step=$(printf 'iter_%02d/proposer' "${ITERATION:-1}")
exec mmzero run --from "$step" --until "$step" run_dir="${RUN_DIR:-$repo/runs/tiny_cpu}" "$@"
