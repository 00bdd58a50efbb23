"""Reward managers for verl's async reward loop: gather the evidence that is missing, then call the pure scores.

    reward.reward_manager.source=importlib reward.reward_manager.module.path=pkg://mmzero_rewards.managers
    reward.reward_manager.name=SolverRewardManager +reward.reward_kwargs.preset=default

Settings: `reward.reward_kwargs` (settings.py). What each manager reads of a row, besides the response:

    ProposerRewardManager  nothing; asks a Coder peer for N drawings and a Solver peer K times about each
    CoderRewardManager     extra_info: caption, easy_question, easy_answer, hard_question[, hard_answer, content_type,
                           text_easy_votes, text_hard_votes: what the Solver answers from the caption]
    SolverRewardManager    reward_model.ground_truth; no peers, no pictures

They work with verl's `single_turn_agent` and with our rollout workers, which attach nothing. A worker of another
recipe may bring what the Coder's manager would else have to find out, in its extra fields: `proposal` (the six fields,
in place of `extra_info`) or `render` {status, image (path), drawn_text}, so that a picture is not drawn twice.

A result is {"reward_score", "reward_extra_info"}; the extra info always has the same numeric keys and one JSON string
`mmzero_sample` for dumps. A model failure is a score; so is a prompt that a working peer refuses (`status` of the
sample: refused_prompt). An infrastructure failure (peer or renderer lost after retries) is reward 0.0 with `dropped` =
1.0, for a trainer that leaves such samples out; plain verl keeps them as zeros, so watch the metric. Anything else is a
programming or configuration error and raises. `peers/<counter>` are what the peers' clients of this process counted
since the last sample (PeerStats): a trainer adds them up over a step.

Not covered: terms that need the whole batch (diversity.batch_terms).
"""

import asyncio
import dataclasses
import json
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from omegaconf import OmegaConf
from verl import DataProto
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from mmzero_env import RenderEnv, RenderEnvError
from mmzero_rewards.answers.grading import check_grader
from mmzero_rewards.evidence import (
    REFUSED_PROMPT,
    Drawn,
    Judge,
    draw,
    gather_or_cancel,
    judge,
    unless_refused,
)
from mmzero_rewards.managers.records import add_text_view, add_votes, drawing_record
from mmzero_rewards.managers.rows import Row, json_safe, proposal_of, row_of, text_view_of
from mmzero_rewards.managers.settings import ManagerConfig
from mmzero_rewards.parsing.responses import FormatError, Proposal, extract_answer, parse_proposal
from mmzero_rewards.peers.client import PeerClient, PeerError
from mmzero_rewards.peers.seeds import request_seed
from mmzero_rewards.peers.stats import COUNTS, PeerStats
from mmzero_rewards.scoring.inputs import CoderEvidence, Drawing, ProposerEvidence, SolverEvidence
from mmzero_rewards.scoring.roles import score_coder, score_proposer, score_solver

_EMPTY_PROPOSAL = Proposal("other", "", "", "", "", "")


class _Manager(RewardManagerBase):
    """What the three have in common: settings, peers, renderer, one thread for blocking work, dropped samples."""

    needs: tuple[str, ...] = ()

    def __init__(self, config, tokenizer, compute_score=None, reward_router_address=None, reward_model_tokenizer=None):
        super().__init__(config, tokenizer, compute_score)
        values = config.reward.get("reward_kwargs")
        values = OmegaConf.to_container(values, resolve=True) if OmegaConf.is_config(values) else values
        self.settings = ManagerConfig.from_dict(values, self.needs)
        self.rewards = self.settings.rewards
        check_grader(self.rewards.grading.grader, self.rewards.grading.symbolic)
        # Decoding, grading (its child process answers synchronously) and files leave the event loop through one
        # thread that lives as long as the manager: renderer children may be tied to the thread that started them.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mmzero-reward")
        self._clients: dict[str, PeerClient] = {}
        self._clients_loop: asyncio.AbstractEventLoop | None = None
        self._counted: dict[str, int] = PeerStats().numbers()
        self._render_env: RenderEnv | None = None
        self._render_starting: asyncio.Future | None = None
        self._term_names = tuple(self._neutral_terms())

    async def run_single(self, data: DataProto) -> dict[str, Any]:
        """Score the last output of one roll-out; see the module docstring."""
        row = await self._blocking(row_of, data, self.tokenizer)
        sample: dict[str, Any] = {"status": "ok"}
        terms: dict[str, float] = dict.fromkeys(self._term_names, math.nan)
        flags = {"dropped": 0.0, "peer_failures": 0.0, "render_failures": 0.0}
        started = time.monotonic()
        try:
            terms |= await self._evaluate(row, sample)
        except (PeerError, RenderEnvError) as error:
            kind = "peer_failures" if isinstance(error, PeerError) else "render_failures"
            flags |= {"dropped": 1.0, kind: 1.0}
            sample |= {"status": "dropped", "failure": str(error)}
        reward = 0.0 if flags["dropped"] else terms["score"]
        numbers = {name: float(value) for name, value in terms.items()}
        numbers |= flags | {"evidence_s": time.monotonic() - started} | self._new_counts()
        return {
            "reward_score": float(reward),
            "reward_extra_info": numbers | {"mmzero_sample": json.dumps(json_safe(sample), ensure_ascii=False)},
        }

    async def close(self) -> None:
        """End peers' connections and the renderer. verl never calls it; a worker's exit has the same effect."""
        for client in self._clients.values():
            await client.close()
        self._clients = {}
        if self._render_env is not None:
            await self._blocking(self._render_env.close)
        self._thread.shutdown()

    async def _evaluate(self, row: Row, sample: dict[str, Any]) -> dict[str, float]:
        """Terms of one roll-out; fills `sample` on the way, so that a dropped one still shows what was known."""
        raise NotImplementedError

    def _neutral_terms(self) -> dict[str, float]:
        """The role's terms for empty evidence: their names are those of every sample."""
        raise NotImplementedError

    # -- what evidence needs -----------------------------------------------------------------------------------------

    async def _blocking(self, function: Callable, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    def _peer(self, role: str) -> PeerClient:
        """The role's client; connections belong to an event loop, so another loop gets new ones."""
        loop = asyncio.get_running_loop()
        if self._clients_loop is not loop:
            self._clients, self._clients_loop = {}, loop
            self._counted = PeerStats().numbers()
        if role not in self._clients:
            self._clients[role] = self.settings.client(role)
        return self._clients[role]

    def _new_counts(self) -> dict[str, float]:
        """What the clients counted since the last call, `peers/<counter>`; 0 where no peer is asked."""
        counts = [client.stats.numbers() for client in self._clients.values()]
        totals = {name: sum(one[name] for one in counts) for name in self._counted}
        new = {f"{COUNTS}{name}": float(totals[name] - self._counted[name]) for name in totals}
        self._counted = totals
        return new

    def _judge(self, row: Row) -> Judge:
        return Judge(
            self._peer("solver"),
            self.settings.prompts,
            self.settings.peers["solver"].votes,
            self.settings.peers["solver"].sampling,
            request_seed(self.settings.seed, row.index),
            self.rewards.solver.non_answers,
            self.rewards.verify.votes,
            self.rewards.verify.max_tokens,
        )

    async def _renderer(self) -> RenderEnv:
        """The process's renderer, started by the first sample that draws."""
        if self._render_env is None:
            if self._render_starting is None:
                self._render_starting = asyncio.ensure_future(self._blocking(self._start_renderer))
            try:
                self._render_env = await asyncio.shield(self._render_starting)
            finally:
                self._render_starting = None
        return self._render_env

    def _start_renderer(self) -> RenderEnv:
        return RenderEnv(self.settings.render).__enter__()

    async def _draw(self, responses: list[str]) -> list[Drawn]:
        return await draw(
            responses, await self._renderer(), self.rewards.coder.languages, self.settings.failures.max_retries
        )

    async def _record(self, sample: dict[str, Any], drawn: list[Drawn]) -> None:
        """Put drawings into the sample; their pictures go to `dump_dir/images`, once per content."""
        for one in drawn:
            sample["drawings"].append(await self._blocking(drawing_record, one, self.settings.dump_dir))


class ProposerRewardManager(_Manager):
    """Asks the Coder for N drawings of the proposal and the Solver K times about each, easy and hard."""

    needs = ("coder", "solver")

    def _neutral_terms(self) -> dict[str, float]:
        return score_proposer(ProposerEvidence(""), self.rewards)

    async def _evaluate(self, row: Row, sample: dict[str, Any]) -> dict[str, float]:
        try:
            proposal = parse_proposal(row.response, self.rewards.proposer)
        except FormatError as error:
            sample |= {"status": "format_error", "failure": str(error), "proposal": None, "drawings": []}
            return await self._blocking(score_proposer, ProposerEvidence(row.response), self.rewards)
        sample |= {"proposal": dataclasses.asdict(proposal), "drawings": []}
        coder = self.settings.peers["coder"]
        messages = self.settings.prompts.coder_messages(proposal, self.settings.prompt_fields)
        seed = request_seed(self.settings.seed, row.index, "code", row.response)
        responses = await unless_refused(self._peer("coder").chat(messages, coder.samples, coder.sampling, seed))
        drawn = [Drawn(REFUSED_PROMPT)] * coder.samples if responses is None else await self._draw(responses)
        await self._record(sample, drawn)
        solver = self._judge(row)
        shown = any(one.png for one in drawn)
        drawings, blind_votes, view = await gather_or_cancel(
            [
                judge(drawn, proposal, solver),
                unless_refused(solver.answers(proposal.hard_question))
                if shown and self._asked_blind(row)
                else _nothing(),
                solver.text_view(proposal) if shown and self.rewards.verify.caption else _nothing(),
            ]
        )
        add_votes(sample, drawings)
        add_text_view(sample, view)
        sample["blind_votes"] = blind_votes
        evidence = ProposerEvidence(row.response, tuple(drawings), blind_votes, view)
        return await self._blocking(score_proposer, evidence, self.rewards)

    def _asked_blind(self, row: Row) -> bool:
        """A fixed pseudo-random share of proposals, decided by their content (checks.blind.fraction)."""
        draw_of_luck = request_seed(self.settings.seed, row.index, "blind", row.response) / 2**31
        return draw_of_luck < self.rewards.checks.blind.fraction


class CoderRewardManager(_Manager):
    """Renders the response and asks the Solver about the picture; the proposal comes from `extra_info`."""

    needs = ("solver",)

    def _neutral_terms(self) -> dict[str, float]:
        return score_coder(CoderEvidence("", _EMPTY_PROPOSAL, Drawing(False)), self.rewards)

    async def _evaluate(self, row: Row, sample: dict[str, Any]) -> dict[str, float]:
        proposal = proposal_of(row.tool.get("proposal") or row.extra)
        sample |= {"proposal": dataclasses.asdict(proposal), "drawings": []}
        if row.tool.get("render"):
            drawn = [await self._blocking(Drawn.from_fields, row.tool["render"])]
        else:
            drawn = await self._draw([row.response])
        await self._record(sample, drawn)
        sample["status"] = drawn[0].status
        solver, view = self._judge(row), text_view_of(row.extra)
        asks = self.rewards.verify.caption and view is None and drawn[0].png is not None
        drawings, answered = await gather_or_cancel(
            [judge(drawn, proposal, solver), solver.text_view(proposal) if asks else _nothing()]
        )
        view = view or answered
        add_votes(sample, drawings)
        add_text_view(sample, view)
        evidence = CoderEvidence(row.response, proposal, drawings[0], view)
        return await self._blocking(score_coder, evidence, self.rewards)


class SolverRewardManager(_Manager):
    """Agreement with `reward_model.ground_truth` and format; for any dataset with short answers."""

    def _neutral_terms(self) -> dict[str, float]:
        return score_solver(SolverEvidence("", None), self.rewards)

    async def _evaluate(self, row: Row, sample: dict[str, Any]) -> dict[str, float]:
        label = row.ground_truth
        if label is not None and not isinstance(label, str | int | float):
            raise ValueError(
                f"reward_model.ground_truth must be one short answer, got {type(label).__name__}: {label!r}"
            )
        label = None if label is None else str(label)
        answer = extract_answer(row.response, self.rewards.solver.non_answers)
        image = row.extra.get("image")
        sample |= {"label": label, "answer": answer, "image": image if isinstance(image, str) else None}
        if answer is None:
            sample["status"] = "format_error"
        return await self._blocking(score_solver, SolverEvidence(row.response, label), self.rewards)


async def _nothing() -> None:
    """What an item that is not asked blind waits for."""
