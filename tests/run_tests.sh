#!/usr/bin/env bash
# Everything that has to be green: lint, unit, contract, sandbox, page and end-to-end tests. Sets up by itself.
#
#   bash tests/run_tests.sh              all of it: under 20 minutes on two cores
#   bash tests/run_tests.sh --fast       without the runs on the real engine
#   bash tests/run_tests.sh tests/env    only these; further words go to pytest, for example -m slow
source "$(dirname "${BASH_SOURCE[0]}")/../examples/lib.sh"
cd "$repo"
MMZERO_QUIET=1 setup cpu
export OMP_WAIT_POLICY=passive # threads that spin while they wait take the cores from what runs beside them

# The tiny base takes minutes where it is not cached: it is made beside the first parts, whose few tests of it wait. One
# thread makes the same weights as two in two thirds of the processor time.
if [[ $# == 0 || $1 == --fast ]]; then
  OMP_NUM_THREADS=1 nice -n 5 python -m recipe.mmzero.cli tiny build >/dev/null &
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

# One at a time: the sandbox's tests look at processes, descriptors and memory of their own. What is drawn: tests/draw.
python -m pytest -m "not slow" tests/env --durations=3
# Three on two cores: there is always one that waits for something.
python -m pytest -m "not e2e and not slow" --ignore tests/env -n 3 --dist loadfile --durations=10
wait "$base"
trap - EXIT
# Two runs on the real engine: each is single-threaded while it starts, which is most of its time.
if [[ ${1:-} != --fast ]]; then python -m pytest -m e2e tests/e2e -n 2 --dist loadfile --durations=10; fi
