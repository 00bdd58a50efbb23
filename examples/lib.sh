# Shared by the scripts in this folder (sourced, not run).
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export MMZERO_VENV=${MMZERO_VENV:-$repo/.venv}
export PYTHONUNBUFFERED=1

# setup [auto|cpu|gpu]: make or check the environment, then put it on PATH.
setup() {
  bash "$repo/examples/setup_env.sh" "${1:-auto}"
  export PATH="$MMZERO_VENV/bin:$PATH" VIRTUAL_ENV="$MMZERO_VENV"
}
