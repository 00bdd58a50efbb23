"""What the pipelines read from the run's configuration, as one typed object per collection.

`Settings.identity` is the part that the content of a row depends on. Selection (filter, target, budget) is not in it:
a larger target continues on the same shards.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from mmzero_rewards.config import RewardConfig
from mmzero_rewards.peers.client import Sampling
from mmzero_rewards.prompting import PromptTemplates
from recipe.mmzero.settings.checks.layout import in_flight_rows


@dataclass(frozen=True)
class CoderFilter:
    """`coder.filter` (docs/method.md §4 `Top-up`). `attempt_budget` counts proposals."""

    mode: str = "window_then_variance"
    window: tuple[float, float] = (0.25, 0.75)
    target_rows: int = 1200
    attempt_budget: int = 13200
    min_rows: int = 320


@dataclass(frozen=True)
class SolverFilter:
    """The part of `solver.filter` that counts rows; which rows pass is `rewards.solver.filter` (docs/method.md §2.3).

    Without `target_rows`, `proposals` proposals are spent, else `attempt_budget` at most.
    """

    proposals: int = 5000
    target_rows: int | None = None
    attempt_budget: int = 5000
    min_rows: int = 512

    @property
    def budget(self) -> int:
        return self.proposals if self.target_rows is None else self.attempt_budget


@dataclass(frozen=True)
class Settings:
    """Everything a collection needs besides its peers. `samples` is N, `votes` and `label_votes` are K."""

    topics: tuple[str, ...]
    propose: Sampling
    code: Sampling
    judge: Sampling
    label: Sampling
    templates: PromptTemplates = field(default_factory=PromptTemplates.default)
    prompt_fields: tuple[str, ...] = ("caption", "easy_question", "easy_answer", "hard_question")
    rewards: RewardConfig = field(default_factory=RewardConfig)
    max_prompt_tokens: int | None = None  # of the role that the rows train; longer prompts are no rows
    samples: int = 4
    votes: int = 5
    label_votes: int = 10
    label_mode: str = "offline"
    programs: int = 2
    coder_filter: CoderFilter = field(default_factory=CoderFilter)
    solver_filter: SolverFilter = field(default_factory=SolverFilter)
    max_retries: int = 3
    max_fraction: float = 0.05
    in_flight: int = 64
    rows_per_shard: int = 64
    decisive: Mapping[str, Any] = field(default_factory=dict)  # all that a run's rows depend on (identity.of_rows)

    @property
    def codes_per_row(self) -> int:
        """Codes per proposal in the Solver's collection: the row's picture, and witnesses of what its code computes."""
        return self.programs if self.label_mode == "program" else 1

    def identity(self, stage: str, seed: int, iteration: int) -> dict[str, Any]:
        """What a finished row depends on, as plain data."""
        shared = {
            "stage": stage,
            "seed": seed,
            "iteration": iteration,
            "topics": list(self.topics),
            "templates": asdict(self.templates),
            "prompt_fields": list(self.prompt_fields),
            "languages": list(self.rewards.coder.languages),
            "empty_body": self.rewards.proposer.empty_body,
            "non_answers": list(self.rewards.solver.non_answers),
            "propose": asdict(self.propose),
            "code": asdict(self.code),
        }
        if stage == "collect_coder":
            own: dict[str, Any] = {"coder.samples": self.samples}
        else:
            own = {
                "solver.label_votes": self.label_votes,
                "codes": self.codes_per_row,
                "text_votes": self.rewards.verify.votes if self.label_mode == "caption" else 0,
                "label": asdict(self.label),
                "checks.blind.fraction": self.rewards.checks.blind.fraction,
            }
        return shared | own | dict(self.decisive)


def from_config(config: Any, stage: str, inputs: Mapping[str, Any] | None = None) -> Settings:
    """Settings of `collect_coder` or `collect_solver` from the resolved mmzero config."""
    from omegaconf import OmegaConf

    from recipe.mmzero.run.record.identity import of_rows
    from recipe.mmzero.settings import prompts
    from recipe.mmzero.settings.schema import scoring

    coder, solver = config.coder, config.solver
    coder_filter = OmegaConf.to_container(coder.filter, resolve=True)
    solver_filter = OmegaConf.to_container(solver.filter, resolve=True)
    counts = {item.name: solver_filter.pop(item.name) for item in fields(SolverFilter)}
    rewards = scoring(config)
    rewards["solver"] = rewards["solver"] | {"filter": solver_filter}
    return Settings(
        topics=tuple(config.proposer.topics),
        propose=_sampling(config.proposer, "collect"),
        code=_sampling(coder, "collect"),
        judge=_sampling(solver, "judge"),
        label=_sampling(solver, "label"),
        templates=prompts.templates(config),
        prompt_fields=tuple(coder.prompt_fields),
        rewards=RewardConfig.from_dict(rewards),
        max_prompt_tokens=int(config[stage.removeprefix("collect_")].train.max_prompt_tokens),
        samples=int(coder.samples),
        votes=int(solver.votes),
        label_votes=int(solver.label_votes),
        label_mode=str(solver.label_mode),
        programs=int(solver.programs),
        coder_filter=CoderFilter(**coder_filter | {"window": tuple(coder_filter["window"])}),
        solver_filter=SolverFilter(**counts),
        max_retries=int(config.failures.max_retries),
        max_fraction=float(config.failures.max_fraction),
        in_flight=in_flight_rows(config, stage, inputs=inputs),
        decisive=of_rows(config, stage),
    )


def _sampling(role: Any, use: str) -> Sampling:
    values: Mapping[str, Any] = role.sampling[use]
    return Sampling(
        temperature=float(values["temperature"]),
        top_p=float(values["top_p"]),
        top_k=int(values["top_k"]),
        max_tokens=int(role.train.max_response_tokens),
    )
