"""Settings of the tiny base's warm-up, apart from the code that needs torch."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class WarmupConfig:
    """What decides the base, besides the code: part of the cache key."""

    steps: int = 600
    seed: int = 0
    solver_batch: int = 24
    reader_batch: int = 32
    proposer_batch: int = 6
    coder_batch: int = 10
    learning_rate: float = 2e-3
    lr_warmup_steps: int = 60
    clean_share: float = 0.5

    def as_dict(self) -> dict:
        return asdict(self)
