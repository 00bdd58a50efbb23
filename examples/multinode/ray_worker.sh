#!/usr/bin/env bash
# Join this node to a Ray cluster and stay in the foreground.
#
#   bash examples/multinode/ray_worker.sh HOST:PORT          the address that ray_head.sh printed
#
# Environment: NODE_IP (default: this host's first address), MMZERO_VENV, RAY_ARGS, NCCL_* and GLOO_* as on the head.
# Ctrl-C, or the end of the head, ends exactly the processes that this call started.
source "$(dirname "${BASH_SOURCE[0]}")/lib_node.sh"
if [[ $# -lt 1 || $1 == --help || $1 == -h ]]; then sed -n '2,7p' "${BASH_SOURCE[0]}"; exit $(($# < 1 ? 2 : 0)); fi
MMZERO_QUIET=1 setup gpu
address=${NODE_IP:-$(hostname -I | cut -d' ' -f1)}
# shellcheck disable=SC2086 # RAY_ARGS: words
run_node ray start --block --address="$1" --node-ip-address="$address" --disable-usage-stats ${RAY_ARGS:-}
