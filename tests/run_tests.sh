#!/usr/bin/env bash
# Everything that has to be green: lint, unit, contract, sandbox, page and end-to-end tests. Sets up by itself.
#
#   bash tests/run_tests.sh              all of it: under 20 minutes on two cores
#   bash tests/run_tests.sh --fast       without the runs on the real engine
#   bash tests/run_tests.sh tests/env    only these; further words go to pytest, for example -m slow
source "$(dirname "${BASH_SOURCE[0]}")/../examples/lib.sh"
cd "$repo"
MMZERO_QUIET=1 setup cpu

# The tiny base takes minutes where it is not cached. It is made beside what needs none, and stands back there.
if [[ $# == 0 || $1 == --fast ]]; then
  OMP_WAIT_POLICY=passive nice python -m recipe.mmzero.cli tiny build >/dev/null &
  base=$!
  trap 'kill "$base" 2>/dev/null' EXIT
fi

# The page tests drive a real browser; without one they skip and say so.
if ! command -v chromium >/dev/null && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  echo "installing chromium for the page tests"
  (apt-get -qq update && apt-get -qq install -y chromium) >/dev/null 2>&1 ||
    echo "chromium could not be installed: the page tests will skip"
fi

ruff format --check .
ruff check .

if [[ ! ${base:-} ]]; then exec python -m pytest "$@"; fi

# One at a time: the sandbox's tests look at processes, descriptors and memory of their own.
python -m pytest -m "not slow" tests/env --durations=3
wait "$base"
trap - EXIT

# Three on two cores, as many wait for something; a run on the real engine starts single-threaded, so two go together.
python -m pytest -m "not e2e and not slow" --ignore tests/env -n 3 --dist loadfile --durations=10
if [[ ${1:-} != --fast ]]; then python -m pytest -m e2e tests/e2e -n 2 --dist loadfile --durations=10; fi
