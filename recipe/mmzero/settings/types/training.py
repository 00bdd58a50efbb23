"""The types and ranges of the update: optimiser, KL term, clipping, adapters (run.py says where defaults stand)."""

from dataclasses import dataclass

from mmzero_env.config.ranges import choice, items, number, number_rule, text, text_rule, whole

# verl.trainer.ppo.core_algos.kl_penalty; `full` raises NotImplementedError there. "+": the gradient of k2.
KL_TYPES = ("low_var_kl", "k3", "kl", "k1", "abs", "mse", "k2", "low_var_kl+", "k3+", "kl+", "k1+", "abs+")


@dataclass
class Optim:
    lr: float = number(above=0, most=1)
    weight_decay: float = number(0, 1)
    betas: list[float] = items(number_rule(0, below=1), 2, 2)
    grad_clip: float = number(above=0)


@dataclass
class Kl:
    coef: float = number(0, 1000)
    type: str = choice(*KL_TYPES)


@dataclass
class Clip:
    """`dual`: verl asserts that it is above 1."""

    low: float = number(above=0, most=1)
    high: float = number(above=0, most=100)
    dual: float = number(above=1, most=1000)


@dataclass
class Adapter:
    """`rank` 0: no adapters. `kl_anchor`: what the KL reference is, and with it what a stage hands on (adapters.py)."""

    rank: int = whole(0, 512)
    alpha: int = whole(1)
    targets: list[str] = items(text_rule(), 1, distinct=True)
    exclude: str | None = text("an expression for names of layers", null=True)
    kl_anchor: str = choice("start", "base")
    lr_factor: float = number(above=0, most=1000)
    min_correlation: float = number(0, 1)
    checked_steps: int = whole(0)
