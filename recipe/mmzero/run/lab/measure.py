"""Rates of every checkpoint of a run, and the truth of the rows between: `mmzero lab rates`, and the end of a tiny run.

A checkpoint's rates are kept in the cache under the hash of its weights, so a base that many runs share is measured
once, and a run that goes on is measured where it is new. All checkpoints of a role answer the same items.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache as once
from pathlib import Path
from typing import Any

import mmzero_env
import mmzero_rewards
from mmzero_env.process.replace import write
from mmzero_env.results import LANGUAGES
from mmzero_env.sandbox.kernel import PR_SET_PDEATHSIG, prctl
from recipe.mmzero.report.data.read import Skips, read_mapping
from recipe.mmzero.report.data.truth import Rates
from recipe.mmzero.run.lab.rows import row_truth
from recipe.mmzero.run.merged import whole_model
from recipe.mmzero.run.record.artifacts import fingerprint
from recipe.mmzero.run.record.configuration import chosen
from recipe.mmzero.run.record.journal import JournalError
from recipe.mmzero.settings.folder import RunFolder, iteration_of, stage_of, step_id
from recipe.mmzero.settings.types.run import ROLES
from recipe.mmzero.tiny import cache

# What decides the numbers besides the weights: the world and its questions, the reading of replies and answers, and the
# drawing of what a Coder writes. A change of these files measures anew.
WORLD = ("world", "programs", "questions", "facts", "corpus", "prompts", "pixels", "rates", "sample")
READING_AND_DRAWING = (mmzero_rewards, mmzero_env)
Pair = tuple[str, Path]
"""(role, checkpoint)"""


@dataclass(frozen=True)
class Python:
    """What measuring processes are started with: the interpreter or its stand-in (warm.py), and more environment."""

    executable: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)


PLAIN = Python()


def rates_of(
    run_dir: Path,
    base: Path,
    jobs: int = 2,
    items: int = 240,
    roles: Sequence[str] = ROLES,
    python: Python = PLAIN,
    solver_items: int | None = None,
) -> list[Rates]:
    """The base and every finished iteration of a run, in order; measures what the cache does not hold.

    Args:
        solver_items: another number of items for the Solver; None: as many as for the others.
    Raises:
        OSError: a measurement failed; the message has the end of its output.
    """
    points = [point for point in checkpoints(run_dir, base, last_trained(run_dir)) if point[1] in roles]
    pairs = [(role, folder) for _, role, folder in points]
    known = measured(pairs, items, coder_form(run_dir), jobs, python=python, solver_items=solver_items)
    found: dict[int, Rates] = {}
    for iteration, role, folder in points:
        rates = found.setdefault(iteration, Rates(iteration))
        rates.values[role], rates.whole[role] = known[role, folder]["values"], known[role, folder]["whole"]
    for iteration, rates in found.items():
        step = RunFolder(run_dir).step(step_id(iteration, "collect_solver"))
        if step.rows.exists():
            rates.values["rows"] = row_truth(step)
    return [found[iteration] for iteration in sorted(found)]


def base_rates(
    base: Path,
    form: str = "svg",
    items: int = 240,
    jobs: int = 2,
    again: int = 0,
    roles: Sequence[str] = ROLES,
    solver_items: int | None = None,
) -> Rates:
    """The base alone. again: another number samples other answers to the same items."""
    known = measured([(role, base) for role in roles], items, form, jobs, again, solver_items=solver_items)
    return Rates(0, *({role: known[role, base][part] for role in roles} for part in ("values", "whole")))


def last_trained(run_dir: Path) -> str:
    """The role whose stage ends an iteration of the run."""
    (trained,) = chosen(run_dir, "evolution.train")
    return [role for role in ROLES if role in trained][-1]


def checkpoints(run_dir: Path, base: Path, last_role: str = "solver") -> Iterator[tuple[int, str, Path]]:
    """(iteration, role, folder) of the weights of all iterations that `last_role` has ended; a role that was not
    trained keeps its last.

    Raises:
        JournalError: a role was trained and its weights are gone: its last ones would pass for them.
    """
    last = dict.fromkeys(ROLES, base)
    yield from ((0, role, base) for role in ROLES)
    trained = {step.id: whole_model(step) for step in RunFolder(run_dir).steps()}
    models = {name: model for name, model in trained.items() if (model / "config.json").exists()}
    ended = max((iteration_of(name) for name in models if stage_of(name) == last_role), default=0)
    for iteration in range(1, ended + 1):
        here = {role: models.get(step_id(iteration, role)) for role in ROLES}
        for role in ROLES:
            name = step_id(iteration, role)
            if here[role] is None and (name in trained or role == last_role):
                raise JournalError(f"{RunFolder(run_dir).step(name).model} holds no model; restore it")
        last |= {role: model for role, model in here.items() if model is not None}
        yield from ((iteration, role, last[role]) for role in ROLES)


def coder_form(run_dir: Path) -> str:
    """What the run's Coder is asked for: `svg`, `python`, `svg+python`, with `+answers` where programs leave them."""
    languages, mode = chosen(run_dir, "coder.languages", "solver.label_mode")
    return "+".join([*sorted(languages, reverse=True), *["answers"] * (mode == "program")])


def measured(
    wanted: Iterable[Pair],
    items: int,
    form: str = "svg",
    jobs: int = 2,
    again: int = 0,
    python: Python = PLAIN,
    solver_items: int | None = None,
) -> dict[Pair, dict[str, Any]]:
    """Rates of checkpoints, from the cache or measured in `jobs` processes of one thread each.

    Args:
        form: the Coder's (`coder_form`).
        again: other samples for another number.
        solver_items: as in `rates_of`.
    Raises:
        OSError: a measurement failed; the message has the end of its output.
    """
    hashed = once(fingerprint)
    counts = dict.fromkeys(ROLES, items) | ({"solver": solver_items} if solver_items else {})
    targets: dict[Pair, Path] = {}
    for role, folder in wanted:
        asked = form if role == "coder" else ""
        sampled = f"again{again}" if again else ""
        parts = (role, hashed(folder)[:16], str(counts[role]), asked, sampled, _sources())
        targets[role, folder] = cache.cache_root() / "rates" / ("-".join(filter(None, parts)) + ".json")
    # By role: the processes get equal shares of what takes equally long.
    missing = sorted(
        {target: pair for pair, target in targets.items() if not _kept(target)}.items(), key=lambda e: e[1]
    )
    tasks = [(role, counts[role], str(folder), str(target)) for target, (role, folder) in missing]
    _measure([part for k in range(jobs) if (part := tasks[k::jobs])], form, again, python)
    return {pair: json.loads(target.read_text(encoding="utf-8")) for pair, target in targets.items()}


def _kept(target: Path) -> bool:
    """Are rates in the cache? A file that a power cut left without its content is measured again."""
    return {"values", "whole"} <= read_mapping(target, Skips()).keys()


def _measure(shares: Sequence[Sequence[tuple[str, int, str, str]]], form: str, again: int, python: Python) -> None:
    """One process for each share: loading the libraries takes longer than a rate."""
    environment = os.environ | python.environment | {"OMP_NUM_THREADS": "1"}
    command = [python.executable, "-m", "recipe.mmzero.run.lab.measure", form, str(again)]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    (cache.cache_root() / "rates").mkdir(parents=True, exist_ok=True)
    children = [subprocess.Popen([*command, json.dumps(share)], env=environment, **pipes) for share in shares]
    try:
        for child in children:
            _, said = child.communicate()
            if child.returncode:
                raise OSError(0, f"measuring failed: {said.strip()[-500:]}", str(cache.cache_root() / "rates"))
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
                child.wait()


@once
def _sources() -> str:
    files = [Path(cache.__file__).with_name(f"{name}.py") for name in WORLD]
    for package in READING_AND_DRAWING:
        files += sorted(Path(package.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def main(arguments: Sequence[str]) -> None:
    """A measuring process: form, again, and a JSON list of (role, items, checkpoint, target)."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # whoever asked is gone: nobody waits for this
    import torch

    from recipe.mmzero.tiny import rates
    from recipe.mmzero.tiny.sample import Sampler

    torch.set_num_threads(1)
    form, seed = arguments[0], rates.SEED + int(arguments[1])
    for role, items, folder, target in json.loads(arguments[2]):
        sampler = Sampler(folder)
        whole: dict[str, float] = {}
        if role == "proposer":
            values, whole = rates.proposer_rates(sampler, 4 * items, seed)  # an item costs a tenth of the other roles'
        elif role == "coder":
            languages = [name for name in form.split("+") if name in LANGUAGES]
            values = rates.coder_rates(sampler, items, seed=seed, languages=languages, computed="answers" in form)
        else:
            values = rates.solver_rates(sampler, items, seed=seed)
        write(Path(target), json.dumps({"values": values, "whole": whole}), shared=True)


if __name__ == "__main__":
    main(sys.argv[1:])
