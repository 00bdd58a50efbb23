# Shared by the scripts in this folder (sourced, not run).
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export MMZERO_VENV=${MMZERO_VENV:-$repo/.venv}
export PYTHONUNBUFFERED=1
unset PYTHONDONTWRITEBYTECODE # of container images: compiling torch, verl and vLLM again in each process takes minutes

# What the first command runs. Rewards: verified, which won in the tiny world (docs/evidence.md). They keep one in twelve of
# the base's proposals, so the Solver's collection goes on until it has rows to train on.
tiny_run=(rewards=verified solver.filter.target_rows=24 solver.filter.attempt_budget=480)

# setup [auto|cpu|gpu]: make or check the environment, then put it on PATH. MMZERO_SETUP=0 takes it as it is.
setup() {
  if [[ ${MMZERO_SETUP:-1} != 0 ]]; then bash "$repo/examples/setup_env.sh" "${1:-auto}"; fi
  export PATH="$MMZERO_VENV/bin:$PATH" VIRTUAL_ENV="$MMZERO_VENV"
}

# all_keys: every key=value that a run takes, for --help.
all_keys() {
  echo
  echo "The keys and their defaults:"
  echo
  cat "$repo/recipe/mmzero/config/mmzero.yaml"
}
