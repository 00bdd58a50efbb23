#!/usr/bin/env bash
# The first command: one whole evolution (Proposer, Coder, Solver) of a tiny Qwen2.5-VL on a laptop without a GPU.
# Real engine: unmodified verl 0.9.1 with Ray, FSDP2 and vLLM. Two cores and 16 GiB are enough. Rewards: verified;
# rewards=default is the published shape.
#
#   bash examples/run_mmzero_tiny_cpu.sh                          set up everything, run, print a table
#   bash examples/run_mmzero_tiny_cpu.sh --plan                   print every step, run nothing
#   bash examples/run_mmzero_tiny_cpu.sh seed=1 stage.steps=8     any key=value of --help
#
# Environment: RUN_DIR (default runs/tiny_cpu; the same folder resumes), ITERATIONS (default 1), MMZERO_VENV.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

arguments=(model=tiny hardware=cpu "${tiny_run[@]}" evolution.iterations="${ITERATIONS:-1}" run_dir="${RUN_DIR:-$repo/runs/tiny_cpu}")
case ${1:-} in
  --help | -h)
    sed -n '2,10p' "${BASH_SOURCE[0]}"
    all_keys
    ;;
  --plan)
    shift
    MMZERO_QUIET=1 setup cpu
    exec mmzero plan "${arguments[@]}" "$@"
    ;;
  *)
    setup cpu
    exec mmzero run "${arguments[@]}" "$@"
    ;;
esac
