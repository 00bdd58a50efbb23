#!/usr/bin/env bash
# One step of a run alone: collect_solver of iteration ${ITERATION:-1}. Needs what comes before it in RUN_DIR.
#
#   RUN_DIR=runs/tiny_cpu bash examples/stages/collect_solver.sh [key=value ...]
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
MMZERO_QUIET=1 setup "${PROFILE:-auto}"
step=$(printf 'iter_%02d/collect_solver' "${ITERATION:-1}")
exec mmzero run --from "$step" --until "$step" run_dir="${RUN_DIR:-$repo/runs/tiny_cpu}" "$@"
