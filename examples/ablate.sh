#!/usr/bin/env bash
# One ablation on the tiny loop: rewards=default with one decision changed (recipe/mmzero/config/ablation/NAME.yaml).
#
#   bash examples/ablate.sh NAME [key=value ...]     run or resume; run folder runs/ablate_NAME
#   bash examples/ablate.sh NAME --plan              print the steps, run nothing
#   bash examples/ablate.sh --list                   every name and what it changes
#   bash examples/ablate.sh none                     the default itself
#   mmzero report runs/ablate_none runs/ablate_NAME  compare the two
#
# Environment: RUN_DIR, ITERATIONS (default 1; coder_judge, solver_init, replay and diversity_memory change nothing before
# 2: until then every role is the base, and nothing is earlier). For a real model: mmzero run ablation=NAME model=...
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
folder=$repo/recipe/mmzero/config/ablation

case ${1:---help} in
  --help | -h) sed -n '2,11p' "${BASH_SOURCE[0]}"; exit 0 ;;
  --list)
    for file in "$folder"/*.yaml; do
      printf '%-24s %s\n' "$(basename "$file" .yaml)" "$(sed -n '2s/^# //p' "$file")"
    done
    exit 0
    ;;
esac

name=$1
shift
if [[ ! -f $folder/$name.yaml ]]; then
  echo "error: no ablation '$name'; bash examples/ablate.sh --list shows all" >&2
  exit 2
fi
arguments=(model=tiny hardware=cpu ablation="$name" evolution.iterations="${ITERATIONS:-1}"
  run_dir="${RUN_DIR:-$repo/runs/ablate_$name}")
if [[ ${1:-} == --plan ]]; then
  shift
  MMZERO_QUIET=1 setup cpu
  exec mmzero plan "${arguments[@]}" "$@"
fi
setup cpu
exec mmzero run "${arguments[@]}" "$@"
