"""One collection step: `python -m recipe.mmzero.engine.collect.stage STEP_DIR/step.yaml`, started by engine/stage.py.

Starts all needed peers at once in a Ray job of its own, opens one rendering environment, and runs the streaming
pipeline of this folder. Running it again continues from the last shard.

Exit codes: 0 done; 1 servers or the renderer lost too many rows, another attempt may help; 2 the step cannot succeed as
configured (too few accepted rows, unusable input).
"""

import asyncio
import faulthandler
import json
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from mmzero_env.process.replace import append
from recipe.mmzero.settings.folder import StepFolder


def main(argv: list[str]) -> int:
    step = OmegaConf.load(argv[0])
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    from recipe.mmzero.engine.collect import CollectError, RowsLost

    try:
        asyncio.run(collect(step.config, step))
    except CollectError as error:
        print(f"error: {step.id}: {error}", file=sys.stderr)
        return 1 if isinstance(error, RowsLost) else 2
    return 0


async def collect(config: DictConfig, step) -> dict:
    """Serve the peers of this step and run its pipeline; returns the summary."""
    import ray

    from mmzero_env import RenderConfig, RenderEnv
    from recipe.mmzero.engine import collect as pipelines
    from recipe.mmzero.engine import servers as replicas
    from recipe.mmzero.engine.lengths import PromptLengths
    from recipe.mmzero.settings.verl import config as verl_config

    stage = "collect_coder" if step.role == "coder" else "collect_solver"
    rollout, ray_init = verl_config.collect_rollout(config, stage)
    ray.init(**ray_init)
    spec = verl_config.peer_spec(config, stage, step.inputs)
    colocated = config.hardware.get("peers") == "colocated"
    pool = replicas.shared_pool(max(peer["gpus"] for peer in spec.values())) if colocated else None
    launch = asyncio.create_task(replicas.launch(spec, rollout, int(config.hardware.gpus_per_node), {}, pool))
    await asyncio.sleep(0.01)  # until it has asked Ray for the servers' processes; what follows blocks meanwhile
    async with AsyncExitStack() as stack:
        render = stack.enter_context(RenderEnv(RenderConfig(**OmegaConf.to_container(config.render, resolve=True))))
        lengths = PromptLengths.of_model(spec[step.role]["path"], verl_config.collect_data(config, step.role))
        groups, clients = await launch, {}
        for role in spec:
            model, addresses = replicas.addresses_of(groups, role)
            client = pipelines.client(config, model, addresses, int(step.calls[role]))
            clients[role] = await stack.enter_async_context(client)
        where = Path(step.step_dir)
        done = await pipelines.run(
            stage, config, clients, render, where, step.iteration, lengths, inputs=dict(step.inputs)
        )
        log_peers(Path(step.step_dir), {role: client.stats.numbers() for role, client in clients.items()})
        return done


def log_peers(step_dir: Path, peers: dict[str, dict[str, int]]) -> None:
    """What asking took, one line per attempt in peers.jsonl: role -> counters (mmzero_rewards.peers.stats)."""
    append(StepFolder(step_dir).peers, json.dumps({"time": time.time(), "peers": peers}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
