#!/usr/bin/env bash
# Join this node to a Ray cluster and stay in the foreground.
#
#   bash examples/multinode/ray_worker.sh HOST:PORT          the address that ray_head.sh printed
#
# Environment: NODE_IP (default: this host's first address), MMZERO_VENV, NCCL_* as on the head.
# Ctrl-C, or the end of the head, ends exactly the processes that this call started.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
if [[ $# -lt 1 || $1 == --help || $1 == -h ]]; then sed -n '2,7p' "${BASH_SOURCE[0]}"; exit $(($# < 1 ? 2 : 0)); fi
MMZERO_QUIET=1 setup gpu
export RAY_USAGE_STATS_ENABLED=0
exec ray start --block --address="$1" --node-ip-address="${NODE_IP:-$(hostname -I | cut -d' ' -f1)}" --disable-usage-stats
