"""Run by tests/e2e/test_adapters.py in a process of its own: serve adapters of one base and ask each by its name.

    python -m tests.support.served_adapters FOLDER ADAPTER ADAPTER

FOLDER gets answers.json: name of the model in the request -> log-probabilities of its first token's five best.
"""

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
import ray

from recipe.mmzero.engine import servers
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.verl import config as verl_config
from recipe.mmzero.tiny.cache import base_folder

PROMPT = "Count the red squares."


async def main(folder: Path, coder: str, solver: str) -> None:
    config, base = schema.load(["tuning=lora_base"]), str(base_folder())
    rollout, arguments = verl_config.collect_rollout(config, "collect_solver")
    inputs = {"proposer": base, "coder": coder, "solver": solver, "base": base}
    ray.init(**arguments)
    try:
        groups = await servers.launch(verl_config.peer_spec(config, "collect_solver", inputs), rollout, 1, {})
        assert len(groups) == 1 and len(groups[0].addresses) == 1, "one server for all three"
        answers = {}
        async with aiohttp.ClientSession() as session:
            for role in inputs.keys() - {"base"}:
                model, (address,) = servers.addresses_of(groups, role)
                body = {"model": model, "temperature": 0.0, "max_tokens": 1, "logprobs": True, "top_logprobs": 5}
                body["messages"] = [{"role": "user", "content": PROMPT}]
                async with session.post(f"http://{address}/v1/chat/completions", json=body) as response:
                    best = (await response.json())["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
                answers[role] = [entry["logprob"] for entry in best]
        (folder / "answers.json").write_text(json.dumps(answers))
    finally:
        ray.shutdown()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
