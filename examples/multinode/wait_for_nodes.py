"""Wait until a Ray cluster has enough nodes: `python wait_for_nodes.py HOST:PORT NODES SECONDS`; exit code 1 if not."""

import sys
import time


def main(address: str, wanted: int, seconds: float) -> int:
    import ray

    deadline = time.monotonic() + seconds
    alive = 0
    while time.monotonic() < deadline:
        try:
            ray.init(address=address, log_to_driver=False)
            alive = sum(node["Alive"] for node in ray.nodes())
            ray.shutdown()
        except ConnectionError:
            alive = 0
        if alive >= wanted:
            print(f"{alive} nodes are in the cluster at {address}")
            return 0
        time.sleep(5)
    print(f"error: {alive} of {wanted} nodes joined {address} within {seconds:.0f} s; see their logs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
