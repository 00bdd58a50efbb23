"""What each setting decides: the declaration behind "settings changed". Pure data and its look-up.

A setting that says nothing decides every stage, which is safe and expensive, and a test refuses it: whoever adds a key
to the configuration adds it here. The longest prefix of a dotted key counts, so a block may differ from its parts.

Three kinds decide nothing here:
* what changes only how fast, how verbosely or how long a step runs (`hardware`, `watchdog`, `dump`, ...);
* what shows in the hashes of a step's inputs: the base model (`model.path`), whose checkpoint is read
  (`evolution.solver_init`, `evolution.train`, `coder.judge`), rows made from another setting;
* limits above which a step fails (`failures`): they let a result be, they do not change it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.settings.checks.layout import ROLES, STAGES

PROPOSER, COLLECT_CODER, CODER, COLLECT_SOLVER, SOLVER = STAGES
COLLECTING = (COLLECT_CODER, COLLECT_SOLVER)
PROPOSING = (PROPOSER, *COLLECTING)  # stages with proposals
DRAWING = (PROPOSER, COLLECT_CODER, CODER, COLLECT_SOLVER)  # ... with codes and pictures
JUDGING = (PROPOSER, COLLECT_CODER, CODER)  # ... in which the Solver judges; COLLECT_CODER: by variance


@dataclass(frozen=True)
class Decides:
    """`stages`: whose results depend on the setting. `only_if`: stage -> another setting that must not be zero for it;
    `key=a|b`: that must be one of these.
    `selects`: collections in which it only chooses among finished rows; an unfinished one may go on with another value.
    """

    stages: tuple[str, ...] = STAGES
    selects: tuple[str, ...] = ()
    only_if: Mapping[str, str] = field(default_factory=dict)


NOTHING = Decides(())
_TEXT = "verify.caption"
_TEXT_ONLY = {PROPOSER: _TEXT, COLLECT_CODER: _TEXT, CODER: _TEXT, COLLECT_SOLVER: "solver.label_mode=caption"}
DECIDES: dict[str, Decides] = {
    "run_dir": NOTHING,
    "seed": Decides(STAGES),
    "evolution": NOTHING,
    "stage": NOTHING,  # `steps` is the default of <role>.train.steps
    "watchdog": NOTHING,
    # -- roles
    "proposer": Decides((PROPOSER,)),  # its reward
    "proposer.train.max_response_tokens": Decides(PROPOSING),
    "proposer.sampling.collect": Decides(COLLECTING),
    "proposer.topics": Decides(PROPOSING),
    "proposer.empty_body": Decides(PROPOSING),
    "proposer.difficulty": Decides(JUDGING, selects=(COLLECT_CODER,)),  # the Coder's, too
    "coder.train": Decides((CODER,)),
    "coder.train.max_prompt_tokens": Decides((COLLECT_CODER, CODER)),
    "coder.train.max_response_tokens": Decides(DRAWING),
    "coder.sampling.train": Decides((CODER,)),
    "coder.sampling.peer": Decides((PROPOSER,)),
    "coder.sampling.collect": Decides(COLLECTING),
    "coder.samples": Decides((PROPOSER, COLLECT_CODER)),
    "coder.prompt_fields": Decides(PROPOSING),
    "coder.languages": Decides(DRAWING),
    "coder.judge": NOTHING,
    "coder.filter": Decides((COLLECT_CODER,), selects=(COLLECT_CODER,)),
    "coder.penalty": Decides((COLLECT_CODER, CODER), selects=(COLLECT_CODER,)),
    "coder.floor": Decides((COLLECT_CODER, CODER), selects=(COLLECT_CODER,)),
    "coder.leak_penalty": Decides((COLLECT_CODER, CODER), selects=(COLLECT_CODER,)),
    "coder.difficulty_weight": Decides((COLLECT_CODER, CODER), selects=(COLLECT_CODER,)),
    "solver.train": Decides((SOLVER,)),
    "solver.train.max_prompt_tokens": Decides((COLLECT_SOLVER, SOLVER)),
    "solver.train.max_response_tokens": Decides(STAGES),
    "solver.sampling.train": Decides((SOLVER,)),
    "solver.sampling.judge": Decides(JUDGING),
    "solver.sampling.label": Decides((COLLECT_SOLVER,)),
    "solver.votes": Decides(JUDGING),
    "solver.label_votes": Decides((COLLECT_SOLVER,)),
    "solver.label_mode": Decides(
        (COLLECT_SOLVER, SOLVER), only_if={COLLECT_SOLVER: "solver.label_mode=caption|program"}
    ),  # the others collect alike
    "solver.row_sampling": Decides((SOLVER,)),
    "solver.replay": Decides((SOLVER,)),
    "solver.programs": Decides((COLLECT_SOLVER,), only_if={COLLECT_SOLVER: "solver.label_mode=program"}),
    "solver.format_weight": Decides((SOLVER,)),
    "solver.vote": Decides(STAGES, selects=COLLECTING),
    "solver.consistency_denominator": Decides(STAGES, selects=COLLECTING),
    "solver.non_answers": Decides(STAGES),
    "solver.filter": Decides((COLLECT_SOLVER,), selects=(COLLECT_SOLVER,)),
    # -- what all roles share
    "prompts": NOTHING,  # the paths; the texts are below
    "grading": Decides(STAGES, selects=COLLECTING),
    "checks.blind.fraction": Decides((PROPOSER, COLLECT_SOLVER), only_if={PROPOSER: "proposer.blind_penalty"}),
    "verify.caption": Decides(JUDGING),
    "verify.program": Decides((PROPOSER,)),
    "verify.votes": Decides(DRAWING, only_if=_TEXT_ONLY),
    "verify.max_tokens": Decides(DRAWING, only_if=_TEXT_ONLY),
    "verify.min_consistency": Decides(DRAWING, selects=COLLECTING),
    "verify.min_seen": Decides((COLLECT_SOLVER,), selects=(COLLECT_SOLVER,)),
    "render": Decides(DRAWING),
    "render.workers": NOTHING,
    "render.cache_mb": NOTHING,
    "image": Decides(STAGES),
    "failures": NOTHING,
    "optim": Decides(ROLES),
    "kl": Decides(ROLES),
    "clip": Decides(ROLES),
    "adapter": Decides(ROLES),
    "adapter.min_correlation": NOTHING,  # limits above which a step fails
    "adapter.checked_steps": NOTHING,
    # -- model and machine
    "model": NOTHING,  # its files are an input
    "model.image_patch_size": Decides((SOLVER,)),  # the only stage that trains on pictures
    "model.verl": Decides(STAGES),
    "hardware": NOTHING,
    "dump": NOTHING,
    "loggers": NOTHING,
    "alarms": NOTHING,
    "forecast": NOTHING,
    "verl.all": Decides(STAGES),
    "verl.proposer": Decides((PROPOSER,)),
    "verl.coder": Decides((CODER,)),
    "verl.solver": Decides((SOLVER,)),
}
# Texts, not settings: stages whose own role or whose peers are asked with them.
TEMPLATES: dict[str, Decides] = {
    "template.proposer": Decides(PROPOSING),
    "template.coder": Decides(DRAWING),
    "template.solver": Decides(STAGES),
    "template.solver_text": Decides(DRAWING, only_if=_TEXT_ONLY),
    "template.field_lines": Decides(DRAWING),
    "template.joiner": Decides(DRAWING),
}


def said(key: str) -> Decides | None:
    """What is declared for a dotted key, by its longest prefix; None if nothing is."""
    while key:
        if found := DECIDES.get(key) or TEMPLATES.get(key):
            return found
        key = key.rpartition(".")[0]
    return None


def decided(config: DictConfig, key: str) -> tuple[str, ...]:
    """The stages that a key decides in this configuration; one that says nothing decides all."""
    rule = said(key) or Decides()
    return tuple(s for s in rule.stages if s not in rule.only_if or _holds(config, rule.only_if[s]))


def _holds(config: DictConfig, condition: str) -> bool:
    key, named, wanted = condition.partition("=")
    value = OmegaConf.select(config, key)
    return value in wanted.split("|") if named else bool(value)


def selects(key: str, stage: str) -> bool:
    """Does this key only choose among the finished rows of a collection?"""
    rule = said(key)
    return rule is not None and stage in rule.selects
