"""Settings of the tiny base's warm-up, apart from the code that needs torch."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class WarmupConfig:
    """What decides the base, besides the code: part of the cache key."""

    steps: int = 800
    seed: int = 0
    solver_batch: int = 18
    reader_batch: int = 24
    proposer_batch: int = 5
    coder_batch: int = 8
    learning_rate: float = 2e-3
    lr_warmup_steps: int = 60
    clean_share: float = 0.5

    def as_dict(self) -> dict:
        return asdict(self)
