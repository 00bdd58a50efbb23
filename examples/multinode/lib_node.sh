# Shared by ray_head.sh and ray_worker.sh (sourced, not run).
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# run_node COMMAND...: wait for it; Ctrl-C or SIGTERM ends it. What its processes leave in TMPDIR (verl's lock files,
# vLLM's sockets) goes with it: the folder is this node's own.
run_node() {
  local ray code=0
  TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/mmz-node.XXXXXX")
  export TMPDIR RAY_USAGE_STATS_ENABLED=0
  "$@" &
  ray=$!
  trap 'kill -TERM "$ray" 2>/dev/null || true' INT TERM
  wait "$ray" || code=$?
  wait "$ray" 2>/dev/null || true # the first one returns early when a signal was caught
  rm -rf "$TMPDIR"
  return "$code"
}
