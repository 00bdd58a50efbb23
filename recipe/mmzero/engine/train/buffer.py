"""verl's buffer of roll-outs, for one step's prompts, and not before those of the next step are written (overlap.py).

Not in overlap.py: verl's package of trainers imports ours, which would import this module while it is being imported.
"""

import transfer_queue as tq
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from recipe.mmzero.engine.rollout.written import PARTITION


class StepByStep(ReplayBuffer):
    """Plugged in with `trainer.v1.sampler.custom_sampler`; `sampler_kwargs.rollouts`: of one prompt."""

    step = prompts = 0

    def sample(self, global_steps: int, partition_id: str, batch_size: int):
        """See verl; `batch_size` is the number of prompts of a step, of the next one too."""
        self.step, self.prompts = global_steps, batch_size
        sampled = super().sample(global_steps, partition_id, batch_size)
        if old := [key for key, step in self._announced().items() if step <= global_steps]:
            tq.kv_clear(keys=old, partition_id=PARTITION)
        return sampled

    def _sampleable_terminal_keys(self, partition_id, eviction_reasons):
        steps = self.prompt_global_steps[partition_id]
        if self.step + 1 in steps.values() and self._written(self.step + 1) < self.prompts * self.rollouts:
            return set()
        found = super()._sampleable_terminal_keys(partition_id, eviction_reasons)
        return {key for key in found if steps[key] == self.step}

    def _written(self, step: int) -> int:
        return sum(one == step for one in self._announced().values())

    def _announced(self) -> dict[str, int]:
        """Key of a written roll-out -> its step. verl's queue shows a new key a moment before its tag."""
        return {key: tag["global_steps"] for key, tag in self.partitions[PARTITION].items() if tag}

    @property
    def rollouts(self) -> int:
        return int(self.sampler_kwargs["rollouts"])
