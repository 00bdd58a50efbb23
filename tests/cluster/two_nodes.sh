#!/usr/bin/env bash
# One iteration of the tiny loop on a Ray cluster of two nodes that are one machine (10 minutes, as root, needs iproute2).
#
#   sudo bash tests/cluster/two_nodes.sh [key=value ...]
#
# The second node is a network namespace with a shared memory of its own: what one node calls localhost, or leaves in
# /dev/shm for the other, is not there. examples/multinode starts both. The Solver trains on both (FSDP over gloo), peers
# live on both, Ray asks for a token. Ends with a line that says whether anything was left.
# Environment: RUN_DIR (default: a new folder in /tmp), MMZERO_VENV.
source "$(dirname "${BASH_SOURCE[0]}")/../../examples/lib.sh"
[[ $EUID == 0 ]] || { echo "error: network namespaces need root: run me with sudo" >&2; exit 1; }
setup cpu
export MMZERO_SETUP=0 RAY_ARGS='--num-cpus=64 --num-gpus=2 --object-store-memory=1000000000'
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
run_dir=${RUN_DIR:-$(mktemp -d -t mmz-two-nodes.XXXXXX)}
mkdir -p "$run_dir"
head_ip=10.99.0.1 worker_ip=10.99.0.2 port=6399
before=$(ls /dev/shm)
nodes=()

finish() {
  local node left
  for node in "${nodes[@]}"; do kill -TERM "$node" 2>/dev/null || true; done
  wait
  ip netns delete mmz2 2>/dev/null || true
  ip link delete mmz1 2>/dev/null || true
  left=$(pgrep -a -f "$head_ip:$port|$run_dir/run" | grep -v two_nodes || true)
  left+=$(comm -13 <(echo "$before") <(ls /dev/shm))$(ls -d /tmp/mmz-node.* 2>/dev/null || true)
  echo "left behind: ${left:-nothing}"
}
trap finish EXIT

ip netns add mmz2
ip link add mmz1 type veth peer name mmz2 netns mmz2
ip address add "$head_ip/24" dev mmz1
ip link set mmz1 up
ip -n mmz2 address add "$worker_ip/24" dev mmz2
ip -n mmz2 link set mmz2 up
ip -n mmz2 link set lo up

RAY_TMPDIR=$run_dir NODE_IP=$head_ip PORT=$port GLOO_SOCKET_IFNAME=mmz1 \
  bash "$repo/examples/multinode/ray_head.sh" >"$run_dir/head.log" 2>&1 &
nodes+=($!)
# `exec` all the way: the process that gets the signal is the script.
NODE_IP=$worker_ip GLOO_SOCKET_IFNAME=mmz2 \
  ip netns exec mmz2 unshare --mount bash -c 'mount -t tmpfs -o size=6g,mode=1777 tmpfs /dev/shm && exec bash "$@"' - \
  "$repo/examples/multinode/ray_worker.sh" "$head_ip:$port" >"$run_dir/worker.log" 2>&1 &
nodes+=($!)
python "$repo/examples/multinode/wait_for_nodes.py" "$head_ip:$port" 2 120

mmzero run model=tiny hardware=cpu hardware.nodes=2 hardware.gpus_per_node=2 hardware.ray_address="$head_ip:$port" \
  hardware.stages.solver.train_gpus=2 hardware.stages.solver.train_nodes=2 \
  evolution.iterations=1 run_dir="$run_dir/run" "$@"
