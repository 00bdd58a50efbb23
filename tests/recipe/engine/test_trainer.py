"""The trainer's own steps on verl's real objects, without an engine: what is written back, what GRPO makes of it, and
which updates are left out. The queue between verl's processes is a dictionary here."""

import asyncio
import json
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from omegaconf import OmegaConf

pytest.importorskip("verl", reason="this is verl's trainer")
import torch
import transfer_queue as tq
from tensordict import TensorDict
from tensordict.tensorclass import NonTensorData, NonTensorStack
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.core_algos import agg_loss
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

from mmzero_rewards.config import RewardConfig
from recipe.mmzero.engine import servers
from recipe.mmzero.engine.servers import PeerGroup
from recipe.mmzero.engine.train import trainer as trainer_module
from recipe.mmzero.engine.train.agreement import PEARSON
from recipe.mmzero.engine.train.batch import StageFailure, updates_that_teach
from recipe.mmzero.engine.train.summary import merge_metrics, read_metrics
from recipe.mmzero.engine.train.trainer import MMZeroTrainer
from recipe.mmzero.settings.folder import StepFolder

N = 4  # roll-outs of a prompt
LENGTHS = (3, 5, 2, 4)  # tokens of a response, by position modulo four


class Queue(dict):
    """Key -> field -> value, with the two calls of transfer_queue that the trainer makes."""

    def read(self, keys, partition_id, select_fields):
        fields = {}
        for name in select_fields:
            if name not in self[keys[0]]:
                continue
            values = [self[key][name] for key in keys]
            tensors = isinstance(values[0], torch.Tensor)
            fields[name] = (
                torch.nested.as_nested_tensor(values, layout=torch.jagged)
                if tensors
                else NonTensorStack(*[NonTensorData(value) for value in values])
            )
        return TensorDict(fields, batch_size=len(keys))

    def write(self, keys, partition_id, fields):
        for name, column in fields.items():
            values = column.unbind() if isinstance(column, torch.Tensor) else list(column)
            for key, value in zip(keys, values, strict=True):
                self[key][name] = (
                    getattr(value, "data", value) if not isinstance(value, torch.Tensor) else value.clone()
                )
        return self.batch


@pytest.fixture
def queue(monkeypatch):
    queue = Queue()
    monkeypatch.setattr(tq, "kv_batch_get", queue.read)
    monkeypatch.setattr(tq, "kv_batch_put", queue.write)
    return queue


def a_trainer(role="coder", prompts=3, label_mode="offline", per_update=None, ranks=1, **failures):
    trainer = object.__new__(MMZeroTrainer)
    trainer.role, trainer.reward_config, trainer.memory, trainer.global_steps = role, RewardConfig(), [], 1
    trainer.left_out = set()
    trainer.settings = OmegaConf.create(
        {"label_mode": label_mode, "failures": {"max_fraction": 0.5} | failures, "iteration": 1}
    )
    trainer.config = OmegaConf.create(
        {
            "data": {"train_batch_size": prompts, "max_response_length": max(LENGTHS)},
            "actor_rollout_ref": {
                "rollout": {"n": N, "name": "vllm"},
                "actor": {"ppo_mini_batch_size": per_update or prompts},
            },
            "algorithm": {
                "use_kl_in_reward": False,
                "adv_estimator": "grpo",
                "gamma": 1.0,
                "lam": 1.0,
                "norm_adv_by_std_in_grpo": True,
            },
        }
    )
    trainer.actor_rollout_wg = SimpleNamespace(_dispatch_info={"actor": list(range(ranks))})
    trainer._dump = lambda rows, data, outcome: None
    trainer.tokenizer = SimpleNamespace(eos_token_id=99)
    return trainer


def a_batch(queue, scores, dropped=(), samples=None):
    """`scores`: one list of N per prompt; positions in `dropped` were lost."""
    flat = [score for group in scores for score in group]
    keys = [f"p{position // N}_{position % N}_0" for position in range(len(flat))]
    for position, (key, score) in enumerate(zip(keys, flat, strict=True)):
        length = LENGTHS[position % 4]
        reward = torch.zeros(length)
        reward[-1] = 0.0 if position in dropped else score
        info = {"score": score, "accuracy": 0.0, "dropped": float(position in dropped)}
        sample = (samples or {}).get(position, {"failure": "peer gone"} if position in dropped else {})
        queue[key] = {
            "uid": f"p{position // N}",
            "prompts": torch.arange(3),
            "responses": torch.arange(length),
            "rm_scores": reward,
            "response_mask": torch.ones(length, dtype=torch.int64),
            "extra_fields": {"reward_extra_info": info | {"mmzero_sample": json.dumps(sample)}},
        }
    queue.batch = KVBatchMeta(keys=keys, tags=[{"is_padding": False} for _ in keys], partition_id="train")
    return queue.batch


def advantages(queue):
    """One number per row: GRPO gives every token of a response the same."""
    found = []
    for key in queue.batch.keys:
        values = queue[key]["advantages"]
        assert torch.allclose(values, values[0].expand_as(values))
        found.append(float(values[0]))
    return found


def expected(group):
    values = torch.tensor(group)
    return ((values - values.mean()) / (values.std() + 1e-6)).tolist()


def test_grpo_compares_the_rollouts_of_a_prompt(queue):
    groups = [[1.0, 2.0, 0.5, 0.0], [1.0, 1.0, 1.0, 2.0], [0.1, 0.2, 0.3, 0.4]]
    metrics = {}
    a_trainer()._compute_advantage(a_batch(queue, groups), metrics)
    assert advantages(queue) == pytest.approx([value for group in groups for value in expected(group)], abs=1e-5)
    assert metrics["mmzero/coder/rollouts"] == 12.0


def test_dropped_rows_leave_mean_std_loss_and_metrics(queue):
    """Position 1 is lost; of the second prompt only one is left, which cannot be compared with anything."""
    groups = [[1.0, 9.0, 0.5, 0.0], [9.0, 9.0, 9.0, 2.0], [0.1, 0.2, 0.3, 0.4]]
    batch, metrics = a_batch(queue, groups, dropped=(1, 4, 5, 6)), {}
    a_trainer()._compute_advantage(batch, metrics)
    found = advantages(queue)
    kept = expected([1.0, 0.5, 0.0])
    assert [found[0], found[2], found[3]] == pytest.approx(kept, abs=1e-5)
    assert found[8:] == pytest.approx(expected(groups[2]), abs=1e-5)
    left = [position for position, key in enumerate(batch.keys) if not queue[key]["response_mask"].any()]
    assert left == [1, 4, 5, 6, 7]
    for position, key in enumerate(batch.keys):
        row, out = queue[key], position in left
        assert batch.tags[position]["is_padding"] is out
        assert torch.equal(row["loss_mask"], row["response_mask"])
        assert bool(row["rm_scores"].any()) is (not out and groups[position // N][position % N] != 0.0)
        assert (row["uid"] == f"p{position // N}") is not out
    assert len({queue[key]["uid"] for key in batch.keys}) == 2 + len(left), "each lost row is a group of its own"
    assert metrics["mmzero/coder/dropped_fraction"] == 4 / 12
    assert metrics["mmzero/coder/reward/max"] == 1.0, "the lost ones, and the one that is alone, are not described"


def test_batch_terms_sit_on_the_last_token(queue):
    proposal = {name: f"{name} of its own" for name in ("caption", "easy_question", "hard_question")}
    proposal |= {"content_type": "map", "easy_answer": "1", "hard_answer": "2"}
    samples = {position: {"proposal": proposal} for position in range(N)}
    metrics = {}
    a_trainer("proposer", prompts=1)._compute_advantage(a_batch(queue, [[0.5] * N], samples=samples), metrics)
    for key in queue.batch.keys:
        reward = queue[key]["rm_scores"]
        assert float(reward[-1]) == pytest.approx(0.5 - 0.15 - 0.5) and not reward[:-1].any()
    assert metrics["mmzero/proposer/r_ct/mean"] == pytest.approx(-0.15)


def test_too_many_lost_rows_stop_the_stage(queue):
    with pytest.raises(StageFailure, match=r"3 of 12 roll-outs .*peer gone"):
        a_trainer(max_fraction=0.2)._compute_advantage(a_batch(queue, [[1.0] * N] * 3, dropped=(0, 1, 2)), {})
    with pytest.raises(StageFailure, match=r"4 of 16 roll-outs .* 4 missing"):
        a_trainer(max_fraction=0.2, prompts=4)._compute_advantage(a_batch(queue, [[1.0] * N] * 3), {})


def test_prompts_that_peers_refuse_throughout_stop_the_stage(queue):
    samples = {position: {"status": "refused_prompt"} for position in range(7)}
    with pytest.raises(StageFailure, match=r"peers refused the prompts of 7 of 12 roll-outs"):
        a_trainer()._compute_advantage(a_batch(queue, [[1.0] * N] * 3, samples=samples), {})
    del samples[6]
    a_trainer()._compute_advantage(a_batch(queue, [[1.0] * N] * 3, samples=samples), {})


# --- updates of which nothing is left ---------------------------------------------------------------------------------


def losses(queue, batch, per_update, ranks=1):
    """verl's loss of each update over the rows it is sent, token-mean, as engine workers cut and divide it."""
    stretch, piece = len(batch) // ranks, per_update // ranks
    found = []
    for first in range(0, stretch, piece):
        keys = [batch.keys[rank * stretch + first + i] for rank in range(ranks) for i in range(piece)]
        masks = torch.nn.utils.rnn.pad_sequence([queue[key]["response_mask"] for key in keys], batch_first=True)
        values = torch.ones_like(masks, dtype=torch.float32)
        found.append(float(agg_loss(values, masks, "token-mean", batch_num_tokens=masks.sum().item())))
    return found


def sent_to_the_actor(monkeypatch):
    sent = []
    monkeypatch.setattr(PPOTrainerSync, "_update_actor", lambda self, batch, metrics: sent.append(batch) or batch)
    return sent


def answers(*groups):
    return {position: {"answer": answer} for position, answer in enumerate(a for group in groups for a in group)}


def test_an_update_in_which_nobody_answered_is_not_made(queue, monkeypatch):
    """S2: label_mode=online, one update per prompt, and nobody answered the second prompt."""
    samples = answers(["1", "1", "2", None], [None] * 4, ["5", "6", "5", "5"])
    batch, metrics, sent = a_batch(queue, [[0.1] * N] * 3, samples=samples), {}, sent_to_the_actor(monkeypatch)
    trainer = a_trainer("solver", label_mode="online", per_update=1)
    trainer._compute_advantage(batch, metrics)
    before = losses(queue, batch, N)
    assert before[1] != before[1], "verl divides by zero tokens: not a number"
    assert trainer._update_actor(batch, metrics) is batch
    (made,) = sent
    assert made.keys == batch.keys[:4] + batch.keys[8:] and losses(queue, made, N) == [1.0, 1.0]
    assert metrics["training/updates_skipped"] == 1.0


def test_a_step_in_which_nobody_answered_changes_nothing(queue, monkeypatch):
    batch, metrics, sent = a_batch(queue, [[0.1] * N] * 2, samples=answers([None] * 4, [None] * 4)), {}, []
    sent = sent_to_the_actor(monkeypatch)
    trainer = a_trainer("solver", prompts=2, label_mode="online")
    trainer._compute_advantage(batch, metrics)
    assert trainer._update_actor(batch, metrics) is batch and sent == []
    assert metrics["training/updates_skipped"] == 1.0
    assert advantages(queue) == [0.0] * 8
    # verl's own metrics cannot describe a step without rows, so these stay visible to them.
    assert not any(tag["is_padding"] for tag in batch.tags)


def test_a_step_without_losses_is_left_alone(queue, monkeypatch):
    batch, metrics, sent = a_batch(queue, [[1.0, 0.0] * 2] * 2), {}, sent_to_the_actor(monkeypatch)
    trainer = a_trainer(prompts=2, per_update=1)
    trainer._compute_advantage(batch, metrics)
    trainer._update_actor(batch, metrics)
    assert sent == [batch] and metrics["training/updates_skipped"] == 0.0


@pytest.mark.parametrize(
    "ranks, gone",  # the rows of the second of four updates
    [(1, range(8, 16)), (2, [*range(4, 8), *range(20, 24)]), (4, [2, 3, 10, 11, 18, 19, 26, 27])],
)
def test_updates_are_cut_as_verl_cuts_them(ranks, gone):
    """Against verl's own split over processes and its own iterator over mini-batches."""
    from verl.utils import tensordict_utils as tu

    batch = KVBatchMeta(keys=[str(i) for i in range(32)], tags=[{} for _ in range(32)])
    updates: dict[int, list[int]] = {}
    for part in batch.chunk(ranks):
        data = TensorDict({"row": torch.tensor([int(key) for key in part.keys])}, batch_size=len(part))
        pieces = tu.make_iterator(data, 8 // ranks, epochs=1, seed=0, dataloader_kwargs={"shuffle": False})
        for number, piece in enumerate(pieces):
            updates.setdefault(number, []).extend(piece["row"].tolist())
    assert sorted(updates[1]) == list(gone) and len(updates) == 4
    out = [row in gone or row % 3 == 0 for row in range(32)]
    assert updates_that_teach(out, ranks, 8) == [row for row in range(32) if row not in gone]


def test_a_step_that_was_checkpointed_and_never_logged_keeps_its_metrics(tmp_path, monkeypatch):
    """The loop may be ended between verl's checkpoint of a step and its line in the metrics file."""
    trainer, saved = a_trainer(), []
    trainer.settings.attempt, trainer.folder = 1, StepFolder(tmp_path)
    measured = {"actor/grad_norm": np.float32(0.5), "actor/kl_loss": float("nan"), "dapo/counts": {"a": 1}}
    monkeypatch.setattr(PPOTrainerSync, "step", lambda self, metrics, timing: metrics.update(measured) or "batch")
    monkeypatch.setattr(PPOTrainerSync, "_save_checkpoint", lambda self: saved.append(merged(tmp_path)))
    for trainer.global_steps in (1, 2):
        assert trainer.step({}, {}) == "batch"
        trainer._save_checkpoint()
        if trainer.global_steps == 1:
            trainer.folder.attempt_metrics(1).write_text('{"step": 1, "data": {"actor/grad_norm": 0.75}}\n')
    assert saved == [{1: 0.5}, {1: 0.75, 2: 0.5}]  # before the checkpoint; what verl logged wins
    trainer.folder.attempt_metrics(2).write_text('{"step": 2, "data": {"actor/grad_norm": 0.25}}\n')
    assert merged(tmp_path) == {1: 0.75, 2: 0.25}


def merged(step_dir):
    merge_metrics(step_dir)
    return {record["step"]: record["data"]["actor/grad_norm"] for record in read_metrics(step_dir)}


def test_a_step_whose_server_samples_without_the_adapter_is_not_trained_on(monkeypatch):
    """The check stands before rewards and update: an engine that gives this correlation stops the stage there."""
    trainer = a_trainer()
    trainer.settings.adapter = {"rank": 8, "min_correlation": 0.9, "checked_steps": 5}
    for found, stops in ((0.99, False), (0.3, True)):
        monkeypatch.setattr(
            PPOTrainerSync, "_compute_old_log_prob", lambda self, batch, metrics, r=found: metrics.update({PEARSON: r})
        )
        if stops:
            with pytest.raises(StageFailure, match=r"correlate by 0\.30"):
                trainer._compute_old_log_prob("batch", {})
        else:
            trainer._compute_old_log_prob("batch", {})


@pytest.mark.parametrize("scored", [True, False])
def test_a_shared_server_is_named_once_it_runs_and_rewards_come_while_it_is_awake(tmp_path, monkeypatch, scored):
    trainer = a_trainer()
    trainer.folder = StepFolder(tmp_path)
    peers = {"coder": {"path": "/m", "adapter": "/r/adapter"}, "solver": {"path": "/m", "adapter": None}}
    trainer.settings = OmegaConf.merge(trainer.settings, {"peers": peers, "peer_placement": "shared"})
    trainer.llm_server_manager = SimpleNamespace(get_addresses=lambda: ["127.0.0.1:5", "127.0.0.1:6"])
    trainer.reward_loop_manager = SimpleNamespace(reward_loop_worker_handles=["a worker"] if scored else None)
    monkeypatch.setattr(PPOTrainerSync, "on_init_end", lambda self: None)
    if not scored:
        with pytest.raises(StageFailure, match="while the server sleeps"):
            trainer.on_init_end()
        assert not trainer.folder.peer_addresses("coder").exists()
        return
    trainer.on_init_end()
    for role in ("coder", "solver"):
        assert trainer.folder.peer_addresses(role).read_text().split() == ["127.0.0.1:5", "127.0.0.1:6"]


@pytest.mark.parametrize("placement", ["standalone", "colocated"])
def test_peers_with_gpus_of_their_own_start_beside_the_trainer(tmp_path, monkeypatch, placement):
    """Colocated ones start alone: vLLM measures a GPU's free memory meanwhile."""
    trainer, trainer_is_up, pools = a_trainer(), threading.Event(), []
    trainer.folder = StepFolder(tmp_path)
    peer = {"path": "/m", "adapter": None}
    more = {
        "peers": {"coder": peer, "solver": peer},
        "peer_placement": placement,
        "gpus_per_node": 8,
        "peer_rollout": {},
    }
    trainer.settings = OmegaConf.merge(trainer.settings, more)
    if placement == "colocated":
        trainer_is_up.set()  # nobody waits for the trainer's workers

    async def launch(spec, rollout, gpus_per_node, overrides, pool):
        pools.append(pool)
        assert await asyncio.to_thread(trainer_is_up.wait, 20), "the trainer waits for its peers"
        return [PeerGroup("/m", dict.fromkeys(spec, "/m"), 1, 1, ("127.0.0.1:5",))]

    monkeypatch.setattr(servers, "launch", launch)
    monkeypatch.setattr(trainer_module, "get_rollout_replica_class", lambda name: None)
    monkeypatch.setattr(PPOTrainerSync, "on_init_end", lambda self: None)
    trainer._start_peers("the trainer's pool")
    assert trainer.starting_peers.done() is (placement == "colocated")
    trainer_is_up.set()
    trainer.on_init_end()
    assert pools == [None if placement == "standalone" else "the trainer's pool"]
    for role in ("coder", "solver"):
        assert trainer.folder.peer_addresses(role).read_text() == "127.0.0.1:5\n"


def test_peers_that_do_not_start_end_the_stage(monkeypatch):
    trainer = a_trainer()
    more = {"peers": {"coder": {"path": "/m"}}, "peer_placement": "standalone", "gpus_per_node": 8, "peer_rollout": {}}
    trainer.settings = OmegaConf.merge(trainer.settings, more)

    async def launch(*args):
        raise OSError("no port")

    monkeypatch.setattr(servers, "launch", launch)
    monkeypatch.setattr(trainer_module, "get_rollout_replica_class", lambda name: None)
    monkeypatch.setattr(PPOTrainerSync, "on_init_end", lambda self: None)
    trainer._start_peers("pool")
    with pytest.raises(OSError, match="no port"):
        trainer.on_init_end()
