#!/usr/bin/env bash
# The first command: one whole evolution (Proposer, Coder, Solver) of a tiny Qwen2.5-VL on a laptop without a GPU.
# Real engine: unmodified verl 0.9.1 with Ray, FSDP2 and vLLM. Two cores and 24 GiB are enough.
#
#   bash examples/run_mmzero_tiny_cpu.sh                          set up everything, run, print a table
#   bash examples/run_mmzero_tiny_cpu.sh seed=1 stage.steps=8     any key=value of `mmzero run --help`
#   RUN_DIR=runs/other bash examples/run_mmzero_tiny_cpu.sh       another run folder; the same folder resumes
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
if [[ ${1:-} == --help ]]; then sed -n '2,7p' "${BASH_SOURCE[0]}"; exit 0; fi

setup cpu
exec mmzero run model=tiny hardware=cpu evolution.iterations="${ITERATIONS:-1}" \
  run_dir="${RUN_DIR:-$repo/runs/tiny_cpu}" "$@"
