"""verl's synchronous trainer plus what only the whole batch knows.

`MMZeroTrainer` is selected with `trainer.v1.trainer_mode=mmzero_sync` and adds, on unmodified verl:

1. frozen peers, started once the trainer's GPUs are reserved, beside its workers; reward workers read their addresses
   from files at the first request;
2. batch-level reward terms of the Proposer (content type, diversity), added before advantages;
3. dropped samples (infrastructure failures) leave mean, std and loss, and an update in which no sample is left is
   skipped; too many stop the stage;
4. every reward component as a metric, and a number of roll-outs per step as samples with pictures;
5. a step's metrics beside its checkpoint, so that an end between the two leaves no hole in the curves;
6. a stop if the server samples without the adapter that is trained;
7. roll-outs one step ahead of their judging (overlap.py), if the stage asks for it.

Its settings are the `mmzero` block that settings/verl/config.py writes into the stage's verl config. The arithmetic is
in mmzero_rewards (scores, batch terms) and batch.py (metrics, drops); this file only moves tensors.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from numbers import Real
from pathlib import Path

import pandas as pd
import torch
import transfer_queue as tq
from omegaconf import OmegaConf
from transformers import AutoConfig
from verl.single_controller.ray import RayResourcePool, ResourcePoolManager
from verl.trainer.ppo.v1.trainer_base import register_trainer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync
from verl.utils import tensordict_utils as tu
from verl.utils.device import get_device_name
from verl.workers.rollout.replica import get_rollout_replica_class

from mmzero_env.process.replace import append, write
from mmzero_rewards.config import RewardConfig
from mmzero_rewards.managers.rows import json_safe
from recipe.mmzero.engine import servers as peers
from recipe.mmzero.engine.lengths import PromptLengths
from recipe.mmzero.engine.train import batch as batch_terms
from recipe.mmzero.engine.train.agreement import require_agreement
from recipe.mmzero.engine.train.data.earlier_proposals import earlier_proposals
from recipe.mmzero.engine.train.overlap import OneStepAhead
from recipe.mmzero.engine.train.samples import SampleWriter
from recipe.mmzero.plugin import TRAINER, verify
from recipe.mmzero.run.record import checkpoints
from recipe.mmzero.settings.folder import StepFolder

CPU_POLL_S = 0.2
logger = logging.getLogger(__name__)


class PoolsThenPeers(ResourcePoolManager):
    """Reserves the trainer's GPUs, then calls `then(pool)`.

    A training pool needs whole groups of GPUs on one node. Peers that start first can take one GPU of each node, and
    verl's placement then waits for ever.
    """

    then: Callable[[RayResourcePool], None]

    def create_resource_pool(self):
        super().create_resource_pool()
        pool = self.resource_pool_dict["global_pool"]
        pool.get_placement_groups(strategy="STRICT_PACK", device_name=get_device_name())
        self.then(pool)


@register_trainer(TRAINER)
class MMZeroTrainer(OneStepAhead, PPOTrainerSync):
    """See the module docstring. `config.mmzero` must exist."""

    def __init__(self, config):
        for line in verify():
            logger.info("plugin: %s", line)
        # verl compares this name with "sync" in six places; any other name gets the asynchronous replay buffer
        # (verl/trainer/ppo/v1/trainer_base.py:153, 731, 902, 912, 1004, 1499).
        config.trainer.v1.trainer_mode = "sync"
        self.settings = config.mmzero
        self.role, self.ahead = self.settings.role, bool(self.settings.overlap)
        self.folder = StepFolder(Path(self.settings.step_dir))
        self.reward_config = RewardConfig.from_dict(OmegaConf.to_container(self.settings.scoring, resolve=True))
        self.memory = self._memory()
        self.samples = SampleWriter(self.folder.samples, self.settings.dump.samples_per_step)
        super().__init__(config)

    def _memory(self):
        """Proposals of earlier iterations."""
        wanted = self.reward_config.proposer.diversity.memory if self.role == "proposer" else 0
        return earlier_proposals(self.folder.run.path, self.settings.iteration, wanted) if wanted else []

    def _build_replay_buffer(self):
        """verl looks for finished roll-outs every 2 s: nothing to a step of minutes, a fifth of the tiny loop's."""
        buffer = super()._build_replay_buffer()
        if get_device_name() == "cpu":
            buffer.poll_interval = min(buffer.poll_interval, CPU_POLL_S)
        return buffer

    def _init_dataloader(self):
        super()._init_dataloader()
        self._refuse_long_prompts()

    def _refuse_long_prompts(self):
        """Of text: verl would cut off their beginning without a word. Long prompts with pictures it refuses itself.

        Raises:
            StageFailure: at least one row is longer than `max_prompt_tokens`.
        """
        if self.role == "solver":
            return
        kind = AutoConfig.from_pretrained(self.config.actor_rollout_ref.model.path).model_type
        data, limit = self.config.data, self.config.data.max_prompt_length
        lengths = PromptLengths(self.tokenizer, self.processor, kind, data)
        prompts = {row[0]["content"]: row for row in pd.read_parquet(data.train_files, columns=["prompt"])["prompt"]}
        counts = [lengths.count(list(row)) for row in prompts.values()]
        if max(counts) > limit:
            raise batch_terms.StageFailure(
                f"{sum(count > limit for count in counts)} of {len(counts)} prompts are longer than "
                f"{self.role}.train.max_prompt_tokens={limit}, the longest has {max(counts)} tokens: "
                "shorten the prompt template, or raise it"
            )

    def _init_resource_pool_mgr(self):
        super()._init_resource_pool_mgr()
        for role in self.settings.peers:
            self.folder.peer_addresses(role).unlink(missing_ok=True)  # of a killed attempt
        if self.settings.peers and self.settings.peer_placement != "shared":
            manager = self.resource_pool_manager
            self.resource_pool_manager = PoolsThenPeers(manager.resource_pool_spec, manager.mapping)
            self.resource_pool_manager.then = self._start_peers

    def _start_peers(self, pool):
        """Start the peers; `pool` holds the trainer's GPUs, which colocated peers share.

        Peers with GPUs of their own start while the trainer's workers and server do. Colocated ones start alone, since
        vLLM measures a GPU's free memory meanwhile.
        """
        colocated = self.settings.peer_placement == "colocated"
        rollout = OmegaConf.create(OmegaConf.to_container(self.config.actor_rollout_ref.rollout, resolve=True))
        get_rollout_replica_class(rollout.name)  # imports the engine, which two threads should not do at once
        launch = peers.launch(
            OmegaConf.to_container(self.settings.peers, resolve=True),
            rollout,
            self.settings.gpus_per_node,
            dict(self.settings.peer_rollout),
            pool if colocated else None,
        )
        self.starting_peers = ThreadPoolExecutor(max_workers=1).submit(asyncio.run, launch)
        if colocated:
            self.starting_peers.result()

    def on_init_end(self):
        super().on_init_end()
        if self.settings.peers and self.settings.peer_placement == "shared":
            self._answer_for_peers()
        elif self.settings.peers:
            self.peer_groups = self.starting_peers.result()
            for role in self.settings.peers:
                self._announce(role, *peers.addresses_of(self.peer_groups, role))

    def _announce(self, role, model, addresses):
        """Tell the reward workers where a frozen role answers."""
        write(self.folder.peer_addresses(role), "\n".join(addresses) + "\n")
        print(f"peer {role}: {model} at {', '.join(addresses)}", flush=True)

    def _answer_for_peers(self):
        """Let reward workers ask the trained role's servers, which hold the frozen roles' adapters too.

        Those servers sleep from the end of sampling to the next hand-over, and a call to a sleeping one hangs. Where
        reward workers score inside roll-outs, verl ends its sampling with all rewards there; this is made sure here.

        Raises:
            StageFailure: rewards would be computed after sampling.
        """
        if self.get_reward_handles() is None:
            raise batch_terms.StageFailure(
                "hardware.peers=shared: verl would score while the server sleeps; leave its reward model off"
            )
        addresses = self.llm_server_manager.get_addresses()
        for role, peer in self.settings.peers.items():
            self._announce(role, peer.adapter or peer.path, addresses)

    def _compute_old_log_prob(self, batch, metrics):
        batch = super()._compute_old_log_prob(batch, metrics)
        require_agreement(metrics, self.global_steps, self.settings.adapter)
        return batch

    def _compute_advantage(self, batch, metrics):
        fields = ["uid", "responses", "rm_scores", "response_mask", "extra_fields", "prompts"]
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
        real = [not tag.get("is_padding", False) for tag in batch.tags]
        expected = self.config.data.train_batch_size * self.config.actor_rollout_ref.rollout.n
        rows = batch_terms.rows_of(batch.keys, real, list(data["uid"]), list(data["extra_fields"]))
        batch_terms.require_few_lost(rows, expected, self.settings.failures.max_fraction)

        scores = [row.clone() for row in data["rm_scores"].unbind()]
        outcome = batch_terms.finish(
            rows, self.role, self.reward_config, self.settings.label_mode, self.memory, expected
        )
        for row, change in zip(rows, outcome.added, strict=True):
            scores[row.position][-1] += change  # the outcome reward sits on the last response token
        self._write_back(batch, data, scores, outcome)
        metrics.update(outcome.metrics)
        responses = data["responses"].unbind()
        tokens = [responses[row.position].tolist() for row in rows]
        limit, end = self.config.data.max_response_length, self.tokenizer.eos_token_id
        metrics.update(batch_terms.length_metrics(self.role, tokens, limit, end))
        self._dump(rows, data, outcome)
        return super()._compute_advantage(batch, metrics)

    def _write_back(self, batch, data, scores, outcome):
        """Store changed scores; rows that left the batch get an own group, an empty mask and the padding tag.

        If nothing is left they keep mask and tag: verl's metrics cannot describe a step without rows, and
        `_update_actor` skips it anyway. Their reward is 0 in a group of one, so their advantage is 0.
        """
        uids = list(data["uid"])
        masks = [row.clone() for row in data["response_mask"].unbind()]
        self.left_out = {batch.keys[position] for position in outcome.left_out}
        something_left = len(outcome.left_out) < sum(not tag.get("is_padding", False) for tag in batch.tags)
        for position in outcome.left_out:
            uids[position] = f"out{position}x{uids[position]}"
            scores[position].zero_()
            if something_left:
                masks[position].zero_()
                batch.tags[position]["is_padding"] = True
        fields = {
            "rm_scores": torch.nested.as_nested_tensor(scores, layout=torch.jagged),
            "response_mask": torch.nested.as_nested_tensor(masks, layout=torch.jagged),
            "loss_mask": torch.nested.as_nested_tensor(masks, layout=torch.jagged),
        }
        if outcome.left_out:
            fields["uid"] = uids
        tq.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=tu.get_tensordict(fields))

    def _update_actor(self, batch, metrics):
        """verl's update, without the mini-batches in which no row is left (verl would divide by zero tokens)."""
        actor = self.config.actor_rollout_ref.actor
        out = [
            tag.get("is_padding", False) or key in self.left_out
            for key, tag in zip(batch.keys, batch.tags, strict=True)
        ]
        ranks = max(self.actor_rollout_wg._dispatch_info["actor"]) + 1  # as verl's _balance_batch counts them
        per_update = actor.ppo_mini_batch_size * self.config.actor_rollout_ref.rollout.n
        teaching = batch_terms.updates_that_teach(out, ranks, per_update)
        metrics["training/updates_skipped"] = (len(batch) - len(teaching)) / per_update
        if len(teaching) == len(batch):
            return super()._update_actor(batch, metrics)
        if teaching:
            super()._update_actor(batch.select_keys([batch.keys[position] for position in teaching]), metrics)
        return batch

    def _dump(self, rows, data, outcome):
        chosen = self.samples.choose(rows, self.global_steps)
        prompts, responses = data["prompts"].unbind(), data["responses"].unbind()
        records = []
        for row in chosen:
            record = dict(row.sample)
            record |= {
                "id": f"{self.settings.iteration:02d}-{self.role}-{self.global_steps}-{row.group}-{row.session}",
                "iteration": self.settings.iteration,
                "role": self.role,
                "step": self.global_steps,
                "uid": row.group,
                "sample": row.session,
                "prompt": self.tokenizer.decode(prompts[row.position], skip_special_tokens=True),
                "response": self.tokenizer.decode(responses[row.position], skip_special_tokens=True),
                "score": outcome.scores[row.order],
                "terms": outcome.terms[row.order],
            }
            records.append(record)
        self.samples.write(self.global_steps, records)

    def step(self, metrics: dict, timing_raw: dict):
        """verl's step; its metrics stay at hand for the checkpoint."""
        batch = super().step(metrics, timing_raw)
        self.step_metrics = metrics
        return batch

    def _save_checkpoint(self):
        """verl's, after the step's metrics: verl logs them later, and an end in between would lose them for good."""
        data = {name: float(value) for name, value in self.step_metrics.items() if isinstance(value, Real)}
        known = json.dumps(json_safe({"step": self.global_steps, "data": data}))
        append(self.folder.checkpointed_metrics(self.settings.attempt), known)
        checkpoints.make_room(self.folder.checkpoints)
        super()._save_checkpoint()
        append(self.folder.progress, json.dumps({"phase": "checkpoint", "done": self.global_steps, "unit": "steps"}))
