"""Data between the training stages: propose -> code -> draw -> answer -> filter, streamed and resumable.

Contracts: docs/design.md.

    summary = await run("collect_coder", config, clients, render_env, step_dir, iteration)

`clients` maps role to a PeerClient (`client(config, model, addresses)` builds one with the run's limits), `render_env`
is an open mmzero_env.RenderEnv. Independent of Ray and verl: any OpenAI-compatible server does.

coder.py and solver.py say what a row is; engine.py, stream.py and ledger.py run rows and decide in row order; shards.py
keeps finished rows; roles.py asks the models; rows.py and outputs.py write parquet.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmzero_rewards.peers.client import PeerClient
from recipe.mmzero.engine.collect.coder import collect_coder
from recipe.mmzero.engine.collect.flow.errors import CollectError, RowsLost
from recipe.mmzero.engine.collect.roles import Counting
from recipe.mmzero.engine.collect.settings import Settings, from_config
from recipe.mmzero.engine.collect.solver import collect_solver
from recipe.mmzero.settings.checks.layout import MOST_ROWS

__all__ = [
    "CollectError",
    "RowsLost",
    "Settings",
    "client",
    "collect_coder",
    "collect_solver",
    "from_config",
    "run",
]

PIPELINES = {"collect_coder": collect_coder, "collect_solver": collect_solver}


async def run(
    stage: str,
    config: Any,
    clients: Mapping[str, Any],
    render_env: Any,
    out_dir: Path,
    iteration: int,
    lengths: Counting | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One collection step as the config says; returns what it wrote to `out_dir/summary.json`.

    Args:
        lengths: counts the tokens of training prompts; None: no prompt is too long.
        inputs: role -> the checkpoint it answers with (see in_flight_rows).

    Raises:
        CollectError: one line: what, where, remedy. RowsLost: another attempt may help.
    """
    settings = from_config(config, stage, inputs)
    seed = int(config.seed)
    return await PIPELINES[stage](settings, clients, render_env, out_dir, seed, int(iteration), lengths=lengths)


def client(config: Any, model: str, addresses: Sequence[str], calls: int = MOST_ROWS) -> PeerClient:
    """A PeerClient (async context manager) with the run's retries, time limits and picture size policy.

    Args:
        calls: that are with the servers at once (machine/forecast/calls.py).
    """
    return PeerClient(
        list(addresses),
        model,
        timeout_s=float(config.failures.timeout_s),
        max_retries=int(config.failures.max_retries),
        max_concurrency=calls,
        image={name: int(config.image[name]) for name in ("min_pixels", "max_pixels")},
        cache_size=0,  # no request is ever asked twice
    )
