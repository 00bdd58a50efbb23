"""The doctor's memory arithmetic of every GPU profile and model, also before and after a change, side by side.

    python tests/bench/memory.py                 a Markdown table: GiB per GPU in the update and in each stage's
                                                 fullest phase with its limit, and of host memory; `!`: does not fit
    PYTHONPATH=OTHER_CHECKOUT python tests/bench/memory.py --save before.json
    python tests/bench/memory.py --against before.json

No GPU is needed: everything is computed.
"""

import argparse
import json
from pathlib import Path

from recipe.mmzero.machine import capacity
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.checks.layout import STAGES

MODELS = ("qwen2_5_vl_3b", "qwen2_5_vl_7b", "qwen3_vl_4b", "qwen3_vl_8b", "mimo_vl_7b")
PROFILES = ("gpu1x24", "gpu1x40", "gpu1x80", "gpu1x80_lora", "gpu8x40", "gpu8x80", "multinode")


def computed() -> dict[str, dict]:
    """`profile/model/stage` -> GiB, limit, phase, and whether it fits; `host` and `disk` per profile and model."""
    found: dict[str, dict] = {}
    for profile in PROFILES:
        address = ["hardware.ray_address=h:1"] if profile == "multinode" else []
        for model in MODELS:
            config = schema.load([f"model={model}", f"hardware={profile}", *address])
            sizes = capacity.model_of(config)
            for verdict in capacity.judge_all(config):
                tight, update = verdict.tightest, [part.total for part in verdict.parts if part.phase == "update"]
                found[f"{profile}/{model}/{verdict.stage}"] = {
                    "gib": tight.total,
                    "limit": tight.limit,
                    "phase": tight.phase,
                    "fits": verdict.fits,
                    "update": update[0] if update else None,
                }
            host = max(capacity.host_gb(sizes, capacity.layout_of(config, stage)) for stage in STAGES)
            found[f"{profile}/{model}/host"] = {"gib": host, "limit": 0.0, "phase": "", "fits": True, "update": None}
    return found


def cell(before: dict | None, after: dict) -> str:
    """`update 67.3; 71.9 of 78`: the update, the fullest phase, its limit; with another checkout's: `64.6 -> 67.3`."""

    def number(name: str) -> str:
        return f"{before[name]:.1f} -> {after[name]:.1f}" if before else f"{after[name]:.1f}"

    update = f"update {number('update')}; " if after["update"] else ""
    limit = f" of {after['limit']:.0f}" if after["limit"] else ""
    return f"{update}{number('gib')}{limit}{'' if after['fits'] else ' !'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--save", type=Path, metavar="FILE")
    parser.add_argument("--against", type=Path, metavar="FILE")
    args = parser.parse_args()
    now = computed()
    if args.save:
        args.save.write_text(json.dumps(now, indent=1))
        return
    before = json.loads(args.against.read_text()) if args.against else {}
    columns = (*STAGES, "host")
    print(f"| profile | model | {' | '.join(columns)} |")
    print("|---" * (2 + len(columns)) + "|")
    for profile in PROFILES:
        for model in MODELS:
            names = [f"{profile}/{model}/{column}" for column in columns]
            print(f"| {profile} | {model} | {' | '.join(cell(before.get(name), now[name]) for name in names)} |")


if __name__ == "__main__":
    main()
