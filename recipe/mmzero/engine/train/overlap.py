"""One step of overlap: the roll-outs of step k + 1 are written while those of step k are judged (proposer.overlap).

    training GPUs   write 1, write 2 | train 1 | write 3 | train 2 | write 4 | ...
    frozen peers    judge 1, judge 2 . . . . . . judge 3 . . . . . . judge 4 . .

verl's synchronous trainer submits a batch, waits for its rewards, puts the trained role's servers to sleep, and trains.
Here step k submits the batch of step k + 1 and waits for two things: the rewards of its own batch, and that the next
batch is written, since a sleeping server writes nothing. Rewards go on while the trainer works: peers and reward
workers are processes of their own. What step k + 1 trains on was written before step k's update, one version earlier
(`training/off_policy/trajectory_staleness` is 1); the trainer computes the old log-probabilities itself, as always.

Seeds and rows of a step do not change. Step 1 is not stale, and neither is the first step after a resume: its batch is
written anew, with the weights of the checkpoint.
"""

import copy
from typing import Any

from recipe.mmzero.engine.train.batch import StageFailure


class OneStepAhead:
    """Goes before verl's PPOTrainerSync; with `ahead` a step's batch is submitted one step early. Its buffer is
    buffer.StepByStep then."""

    ahead = False
    loader_state: Any = None
    """Where a resume goes on reading rows: before the batch that is submitted and not trained on; None: where it is."""

    def on_train_begin(self):
        super().on_train_begin()
        if self.ahead:
            self._refuse_refills()
            self._submit(self.global_steps)

    def _refuse_refills(self):
        """verl gives a buffer of one's own none of its settings for evicting prompts and drawing new ones.

        Raises:
            StageFailure: one of them is on.
        """
        groups = self.config.algorithm.get("filter_groups") or {}
        if groups.get("enable") or self.config.trainer.v1.sampler.get("sync_refill_failed_groups"):
            raise StageFailure(
                "proposer.overlap=1 cannot draw new prompts for evicted ones: leave verl's algorithm.filter_groups and "
                "trainer.v1.sampler.sync_refill_failed_groups off"
            )

    def prepare_step(self) -> dict:
        if not self.ahead:
            return super().prepare_step()
        self.loader_state = None
        if self.global_steps < self.total_training_steps:
            self.loader_state = copy.deepcopy(self.train_dataloader.state_dict())
            self._submit(self.global_steps + 1)
        return {}

    def _submit(self, step: int) -> None:
        """Submit the next rows as the batch of this step, from which its roll-outs have their seeds."""
        now, self.global_steps = self.global_steps, step
        try:
            self._add_batch_to_generate()
        finally:
            self.global_steps = now

    def _save_checkpoint(self):
        if self.loader_state is None:
            super()._save_checkpoint()
            return
        loader, self.train_dataloader = self.train_dataloader, _Loader(self.loader_state)
        try:
            super()._save_checkpoint()
        finally:
            self.train_dataloader = loader


class _Loader:
    """Stands for the data loader while a checkpoint is written."""

    def __init__(self, state: Any):
        self.state = state

    def state_dict(self) -> Any:
        return self.state
