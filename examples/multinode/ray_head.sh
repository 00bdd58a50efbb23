#!/usr/bin/env bash
# Start the head of a Ray cluster on this node and stay in the foreground; prints the address for the other nodes.
#
#   bash examples/multinode/ray_head.sh            then, on every other node: ray_worker.sh ADDRESS
#
# Environment: NODE_IP (default: this host's first address), PORT (default 6379), MMZERO_VENV, RAY_TMPDIR (node-local,
# default $TMPDIR or /tmp), anything that NCCL needs (NCCL_SOCKET_IFNAME, ...): Ray hands it on to its workers.
# Ctrl-C ends exactly the processes that this call started. (`ray stop` ends every Ray of the node: not used here.)
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if [[ ${1:-} == --help || ${1:-} == -h ]]; then sed -n '2,8p' "${BASH_SOURCE[0]}"; exit 0; fi
MMZERO_QUIET=1 setup gpu
export RAY_USAGE_STATS_ENABLED=0
address=${NODE_IP:-$(hostname -I | cut -d' ' -f1)}
echo "hardware.ray_address=$address:${PORT:-6379}"
exec ray start --head --block --node-ip-address="$address" --port="${PORT:-6379}" --include-dashboard=false \
  --temp-dir="${RAY_TMPDIR:-${TMPDIR:-/tmp}}/ray_$(id -un)" --disable-usage-stats
