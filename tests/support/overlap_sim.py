"""verl's own trainer steps and buffer, and ours, on simulated servers and a simulated clock.

What runs is verl's PPOTrainerSync (submit, wait, sleep, train, hand weights over) with engine/train/overlap.py and
buffer.py, or without. What is simulated is time: servers and renderer of machine/forecast, so that a step of minutes
takes a moment and gives the same numbers on every machine. A roll-out's length follows from its seed.
"""

import asyncio
import heapq
import math
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import NormalDist
from types import SimpleNamespace
from unittest import mock

import numpy as np
import transfer_queue as tq
from omegaconf import OmegaConf
from torchdata.stateful_dataloader import StatefulDataLoader
from verl.trainer.ppo.v1 import replay_buffer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

from recipe.mmzero.engine.rollout.workers import STEP_STRIDE
from recipe.mmzero.engine.rollout.written import announce
from recipe.mmzero.engine.train.buffer import StepByStep
from recipe.mmzero.engine.train.overlap import OneStepAhead
from recipe.mmzero.machine.forecast.pipeline import Group, Work
from recipe.mmzero.machine.forecast.servers import Clock, Renderer, Request, Server, freest
from recipe.mmzero.settings.seeds import derive_seed


@dataclass(frozen=True)
class Row:
    """A roll-out as it is trained on. `version`: steps behind the weights that wrote it."""

    step: int
    row: int
    session: int
    seed: int
    version: int


class Waited(Clock):
    """Simulated seconds, in the place of the `time` module."""

    def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, then = heapq.heappop(self._events)
            then()
        self.now = end

    def time(self) -> float:
        return self.now


class Queue:
    """verl's queue: partition -> key -> tag."""

    def __init__(self):
        self.tags = defaultdict(lambda: defaultdict(dict))

    def put(self, keys, partition_id, tags, fields=None):
        for key, tag in zip(keys, tags, strict=True):
            self.tags[partition_id][key].update(tag)

    async def put_one(self, key, partition_id, tag):
        self.put([key], partition_id, [tag])

    def listed(self, partition_id=None):
        return {name: {key: dict(tag) for key, tag in part.items()} for name, part in self.tags.items()}

    def clear(self, keys, partition_id):
        for key in keys:
            del self.tags[partition_id][key]


class Engine:
    """The trained role's servers, peers and renderer; verl's agent loop manager and checkpoint manager in one."""

    def __init__(self, work: Work, groups: dict[str, Group], renderers: int, picture_s: float, announced: bool):
        self.work, self.announced = work, announced
        self.clock, self.queue = Waited(), Queue()
        self.servers = {
            name: [Server(self.clock, one.speed) for _ in range(one.replicas)] for name, one in groups.items()
        }
        self.renderer = Renderer(self.clock, renderers, picture_s)
        self.version, self.awake, self.rows, self.failing = 0, True, [], set()

    def generate_sequences(self, batch) -> None:
        step = int(batch["global_steps"])
        for uid, index in zip(batch["uid"], batch["index"], strict=True):
            self.queue.put([str(uid)], "train", [{"status": "running"}])
            left = [self.work.asks[0].samples]
            for session in range(left[0]):
                self._write(str(uid), int(index), step, session, left)

    def _write(self, uid, index, step, session, left) -> None:
        assert self.awake, f"a roll-out of step {step} reaches a sleeping server"
        ask = self.work.asks[0]
        row = Row(step, index, session, derive_seed(0, 1, "proposer", index, step * STEP_STRIDE + session), 0)

        def written():
            assert self.awake, f"a roll-out of step {step} ends on a sleeping server"
            if self.announced:
                asyncio.run(announce(uid, session, step))
            self.rows.append(Row(step, index, session, row.seed, self.version))
            self._judge(1, row.seed, lambda: self._rewarded(uid, index, step, session, left))

        lengths = [self._length(row.seed, 0)]
        freest(self.servers[ask.group]).submit(Request(ask.prompt, lengths, written, prefill=session == 0))

    def _rewarded(self, uid, index, step, session, left) -> None:
        failed = (step, index) in self.failing
        if not failed:
            self.queue.put([f"{uid}_{session}_0"], "train", [{"status": "success", "global_steps": step}])
        left[0] -= 1
        if not left[0]:
            self.queue.put([uid], "train", [{"status": "failure" if failed else "finished"}])

    def _judge(self, level: int, seed: int, done) -> None:
        """All requests below one sample, then `done`."""
        if level == len(self.work.asks):
            done()
            return
        ask = self.work.asks[level]
        left = [ask.calls * ask.samples]

        def one():
            left[0] -= 1
            if not left[0]:
                done()

        for call in range(ask.calls):
            seeds = [derive_seed(seed, level, "peer", call, sample) for sample in range(ask.samples)]

            def answered(seeds=tuple(seeds)):
                for each in seeds:
                    judge = lambda each=each: self._judge(level + 1, each, one)  # noqa: E731
                    self.renderer.draw(judge) if ask.drawn else judge()

            lengths = [self._length(each, level) for each in seeds]
            freest(self.servers[ask.group]).submit(Request(ask.prompt, lengths, answered, ask.pictures))

    def _length(self, seed: int, level: int) -> int:
        ask, width = self.work.asks[level], math.sqrt(math.log(1 + self.work.spread**2))
        share = (derive_seed(seed, level, "length", 0, 0) % 9973 + 0.5) / 9973
        length = ask.response * math.exp(width * NormalDist().inv_cdf(share) - width**2 / 2)
        return max(1, min(ask.longest, round(length)))

    def sleep_replicas(self) -> None:
        self.awake = False

    def update_weights(self, step: int) -> None:
        self.version, self.awake = step, True


class Trainer(OneStepAhead, PPOTrainerSync):
    """verl's trainer around an `Engine`; a step's passes over the batch take `training_s`."""

    def __init__(self, engine: Engine, steps: int, training_s: float, ahead: bool, poll_s: float = 2.0):
        prompts, n = engine.work.items, engine.work.asks[0].samples
        self.config = OmegaConf.create(
            {
                "data": {"train_batch_size": prompts},
                "algorithm": {},
                "actor_rollout_ref": {"rollout": {"temperature": 1.0, "n": n}},
                "trainer": {
                    "critic_warmup": 0,
                    "v1": {"sampler": {"max_off_policy_threshold": 8, "max_off_policy_strategy": "drop"}},
                },
            }
        )
        self.engine, self.training_s, self.ahead = engine, training_s, ahead
        self.trainer_mode, self.parameter_sync_step = "sync", 1
        self.use_reference_policy = self.use_critic = self.curr_step_profile = False
        self.global_steps, self.total_training_steps, self.trained = 1, steps, []
        self.agent_loop_manager = self.checkpoint_manager = engine
        self.reward_loop_manager = SimpleNamespace(reward_loop_worker_handles=[])
        rows = [{"index": row, "raw_prompt": f"topic {row}"} for row in range(prompts * steps)]
        self.train_dataloader = StatefulDataLoader(rows, batch_size=prompts, collate_fn=_columns, drop_last=True)
        self.train_dataloader_it = None
        kind = StepByStep if ahead else replay_buffer.ReplayBuffer
        sampler = {"rollouts": n}
        self.replay_buffer = kind("sync", None, 8, "drop", sampler, refill_fn=self._add_prompts_to_generate)
        self.replay_buffer.poll_interval = poll_s

    def _balance_batch(self, batch, metrics):
        return batch

    def _compute_old_log_prob(self, batch, metrics):
        return batch

    def _compute_advantage(self, batch, metrics):
        return batch

    def _update_actor(self, batch, metrics):
        self.trained.append(sorted(batch.keys))
        self.engine.clock.sleep(self.training_s)
        return batch

    def train(self, steps: int | None = None) -> list[float]:
        """verl's loop (PPOTrainer.fit) without logs and checkpoints: seconds at which each step ends."""
        ends, last = [], steps or self.total_training_steps
        with ExitStack() as stack:
            queue = self.engine.queue
            for name, call in (
                ("kv_batch_put", queue.put),
                ("async_kv_put", queue.put_one),
                ("kv_list", queue.listed),
                ("kv_clear", queue.clear),
            ):
                stack.enter_context(mock.patch.object(tq, name, call))
            stack.enter_context(mock.patch.object(replay_buffer, "time", self.engine.clock))
            self.on_train_begin()
            while self.global_steps <= last:
                self.timing_raw = {}
                batch = self.step({}, self.timing_raw)
                self.saved = self._state_to_save()
                self.on_step_end()
                queue.clear(batch.keys, batch.partition_id)
                ends.append(self.engine.clock.now)
                self.global_steps += 1
        return ends

    def _state_to_save(self):
        """What verl's `_save_checkpoint` writes of the data loader."""
        found = []
        with mock.patch.object(PPOTrainerSync, "_save_checkpoint", lambda one: found.append(one.train_dataloader)):
            self._save_checkpoint()
        return found[0].state_dict()


def _columns(rows):
    return {name: np.array([row[name] for row in rows], dtype=object) for name in rows[0]}
