"""Rates of every checkpoint of a run, and the truth of the rows between them: `mmzero lab rates RUN_DIR`.

A checkpoint's rates are kept in the cache under the hash of its weights, so a base that many runs share is measured
once, and a run that goes on is measured where it is new. All checkpoints of a role answer the same items.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import fmean
from typing import Any

from omegaconf import OmegaConf

from mmzero_env.process.replace import write
from mmzero_env.results import LANGUAGES
from recipe.mmzero.run.lab.rows import row_truth
from recipe.mmzero.run.merged import whole_model
from recipe.mmzero.run.record.artifacts import fingerprint
from recipe.mmzero.settings.folder import RunFolder, step_id
from recipe.mmzero.tiny import cache

ROLES = ("proposer", "coder", "solver")
# What decides the numbers besides the weights; a change of these files measures anew.
SOURCES = ("world", "programs", "questions", "facts", "corpus", "prompts", "pixels", "rates", "sample")


@dataclass
class Rates:
    """What was measured at one point of a run. iteration 0 is the base.

    values: per role, and `rows` for what the Solver was trained on: name -> one value an item (None: not applicable).
    whole: per role, numbers of the whole set of items.
    """

    iteration: int
    values: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    whole: dict[str, dict[str, float]] = field(default_factory=dict)

    def mean(self, role: str, name: str) -> float:
        """Mean over the items that have a value; NaN if none has."""
        known = [value for value in self.values.get(role, {}).get(name, []) if value is not None]
        return fmean(known) if known else float("nan")


def rates_of(run_dir: Path, base: Path, jobs: int = 2, items: int = 240) -> list[Rates]:
    """The base and every finished iteration of a run, in order; measures what the cache does not hold.

    Raises:
        OSError: a measurement failed; its output is on the console.
    """
    points = list(checkpoints(run_dir, base))
    wanted = {(role, folder) for _, role, folder in points}
    form = coder_form(run_dir)
    with ThreadPoolExecutor(jobs) as pool:
        known = dict(zip(wanted, pool.map(lambda pair: measured(*pair, items, form), wanted), strict=True))
    found: dict[int, Rates] = {}
    for iteration, role, folder in points:
        rates = found.setdefault(iteration, Rates(iteration))
        rates.values[role], rates.whole[role] = known[role, folder]["values"], known[role, folder]["whole"]
    for iteration, rates in found.items():
        step = RunFolder(run_dir).step(step_id(iteration, "collect_solver"))
        if step.rows.exists():
            rates.values["rows"] = row_truth(step)
    return [found[iteration] for iteration in sorted(found)]


def checkpoints(run_dir: Path, base: Path) -> Iterator[tuple[int, str, Path]]:
    """(iteration, role, folder) of all weights of a run that are there; a role that was not trained keeps its last."""
    last = dict.fromkeys(ROLES, base)
    yield from ((0, role, base) for role in ROLES)
    trained = {step.id: whole_model(step) for step in RunFolder(run_dir).steps()}
    models = {name: model for name, model in trained.items() if (model / "config.json").exists()}
    for iteration in count(1):
        here = {role: models.get(step_id(iteration, role)) for role in ROLES}
        if here["solver"] is None:
            return
        last |= {role: model for role, model in here.items() if model is not None}
        yield from ((iteration, role, last[role]) for role in ROLES)


def coder_form(run_dir: Path) -> str:
    """What the run's Coder is asked for: `svg`, `python`, `svg+python`, with `+answers` where programs leave them."""
    config = OmegaConf.load(RunFolder(run_dir).config)
    languages = sorted(config.coder.languages, reverse=True)
    return "+".join([*languages, *["answers"] * (config.solver.label_mode == "program")])


def measured(role: str, folder: Path, items: int, form: str = "svg") -> dict[str, Any]:
    """Rates of one checkpoint, from the cache or measured in a process of its own (one thread). form: the Coder's."""
    asked = form if role == "coder" else ""
    name = "-".join(filter(None, (role, fingerprint(folder)[:16], str(items), asked, _sources()))) + ".json"
    target = cache.cache_root() / "rates" / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "recipe.mmzero.run.lab.measure"]
        command += [role, str(folder), str(items), form, str(target)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(0, f"measuring failed: {done.stderr.strip()[-500:]}", str(folder))
    return json.loads(target.read_text())


def _sources() -> str:
    folder = Path(cache.__file__).parent
    text = b"".join((folder / f"{name}.py").read_bytes() for name in SOURCES)
    return hashlib.sha256(text).hexdigest()[:8]


def main(arguments: Sequence[str]) -> None:
    """The measuring process: role, folder, items, form, target."""
    import torch

    from recipe.mmzero.tiny import rates
    from recipe.mmzero.tiny.sample import Sampler

    role, folder, items, form, target = arguments
    torch.set_num_threads(1)
    sampler, count = Sampler(folder), int(items)
    whole: dict[str, float] = {}
    if role == "proposer":
        values, whole = rates.proposer_rates(sampler, 4 * count)  # an item costs a tenth of the other roles'
    elif role == "coder":
        languages = [name for name in form.split("+") if name in LANGUAGES]
        values = rates.coder_rates(sampler, count, languages=languages, computed="answers" in form)
    else:
        values = rates.solver_rates(sampler, count)
    write(Path(target), json.dumps({"values": values, "whole": whole}), shared=True)


if __name__ == "__main__":
    main(sys.argv[1:])
