#!/usr/bin/env bash
# Start the head of a Ray cluster on this node and stay in the foreground; prints the address for the other nodes.
#
#   bash examples/multinode/ray_head.sh            then, on every other node: ray_worker.sh ADDRESS
#
# Environment: NODE_IP (default: this host's first address), PORT (default 6379), MMZERO_VENV, RAY_TMPDIR (node-local,
# default $TMPDIR or /tmp), RAY_ARGS (more words for `ray start`), anything that NCCL or gloo needs (NCCL_SOCKET_IFNAME,
# GLOO_SOCKET_IFNAME, ...): Ray hands it on to its workers.
# Ctrl-C ends exactly the processes that this call started. (`ray stop` ends every Ray of the node: not used here.)
source "$(dirname "${BASH_SOURCE[0]}")/lib_node.sh"
if [[ ${1:-} == --help || ${1:-} == -h ]]; then sed -n '2,9p' "${BASH_SOURCE[0]}"; exit 0; fi
MMZERO_QUIET=1 setup gpu
address=${NODE_IP:-$(hostname -I | cut -d' ' -f1)}
logs=${RAY_TMPDIR:-${TMPDIR:-/tmp}}/ray_$(id -un)
echo "hardware.ray_address=$address:${PORT:-6379}"
# shellcheck disable=SC2086 # RAY_ARGS: words
run_node ray start --head --block --node-ip-address="$address" --port="${PORT:-6379}" --include-dashboard=false \
  --temp-dir="$logs" --disable-usage-stats ${RAY_ARGS:-}
