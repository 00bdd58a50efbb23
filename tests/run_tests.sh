#!/usr/bin/env bash
# Everything that has to be green: lint, unit, contract, sandbox, page and end-to-end tests. Sets up by itself.
#
#   bash tests/run_tests.sh              all of it: about 25 minutes on two cores
#   bash tests/run_tests.sh --fast       without the runs on the real engine
#   bash tests/run_tests.sh tests/env    only these; further words go to pytest, for example -m slow
source "$(dirname "${BASH_SOURCE[0]}")/../examples/lib.sh"
cd "$repo"
MMZERO_QUIET=1 setup cpu

# The page tests drive a real browser; without one they skip and say so.
if ! command -v chromium >/dev/null && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  echo "installing chromium for the page tests"
  (apt-get -qq update && apt-get -qq install -y chromium) >/dev/null 2>&1 ||
    echo "chromium could not be installed: the page tests will skip"
fi

ruff format --check .
ruff check .

if [[ $# -gt 0 && $1 != --fast ]]; then exec python -m pytest "$@"; fi

# Two at a time, but for the sandbox: its tests look at processes, descriptors and memory of their own.
python -m pytest -m "not e2e and not slow" --ignore tests/env -n 2 --dist loadfile --durations=10
python -m pytest -m "not e2e and not slow" tests/env --durations=3
if [[ ${1:-} != --fast ]]; then python -m pytest -m e2e --durations=10; fi
