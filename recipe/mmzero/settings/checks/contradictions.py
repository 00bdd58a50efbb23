"""Settings that are right one by one and cannot work together. Pure; layout.py has the GPU counts.

Each check gives one line that names the keys and what to change. They run before anything starts, because the faults
would otherwise show after hours: at verl's first update, at the end of a collection, or as rewards that never differ.
"""

import re
from collections.abc import Iterator

from omegaconf import DictConfig

from mmzero_rewards.prompting import PromptTemplates
from mmzero_rewards.scoring import TOLERANCE
from recipe.mmzero.settings.checks.layout import PEERS, ROLES, STAGES
from recipe.mmzero.settings.types.run import ConfigError


def check_together(config: DictConfig) -> None:
    """Raises:
    ConfigError: the first contradiction; one line.
    """
    for line in _problems(config):
        raise ConfigError(line)


def _problems(config: DictConfig) -> Iterator[str]:
    for role in ROLES:
        yield from _batches(config, role)
    yield from _picture(config)
    yield from _coder_rows(config)
    yield from _solver_rows(config)
    yield from _thresholds(config)
    yield from _verified(config)
    yield from _adapters(config)
    yield from _heads(config)
    if config.proposer.overlap and config.hardware.peers == "shared":
        yield (
            "proposer.overlap=1 judges while the trainer works, and with hardware.peers=shared the server that answers "
            "sleeps then; set proposer.overlap=0"
        )
    if config.hardware.kind == "gpu" and config.hardware.gpu_memory_gb <= 0:
        yield f"hardware.gpu_memory_gb={config.hardware.gpu_memory_gb:g}: give the memory of one GPU in GB"


def _batches(config: DictConfig, role: str) -> Iterator[str]:
    train, layout = config[role].train, config.hardware.stages[role]
    where = f"{role}.train"
    if train.prompts_per_step % train.prompts_per_update:
        yield (
            f"{where}.prompts_per_step={train.prompts_per_step} must be a multiple of "
            f"{where}.prompts_per_update={train.prompts_per_update}"
        )
    if train.rollouts < 2:
        yield f"{where}.rollouts={train.rollouts}: GRPO needs groups of at least 2"
    # verl asserts it in TrainingWorker.train_mini_batch, at the first update.
    rollouts = train.prompts_per_update * train.rollouts
    if rollouts % layout.train_gpus:
        yield (
            f"{where}.prompts_per_update={train.prompts_per_update} x rollouts={train.rollouts} is {rollouts} "
            f"roll-outs, which do not divide by {layout.train_gpus} training GPUs; change prompts_per_update and "
            f"prompts_per_step, or hardware.stages.{role}.train_gpus"
        )


def largest_picture_tokens(config: DictConfig) -> int:
    """Tokens of the largest picture that a Solver may see: two by two patches are one token.

    Nothing is drawn larger than render.max_side, and nothing is shown larger than image.max_pixels; smaller pictures
    are scaled up to image.min_pixels.
    """
    drawn = max(int(config.render.max_side) ** 2, int(config.image.min_pixels))
    return min(int(config.image.max_pixels), drawn) // (2 * int(config.model.image_patch_size)) ** 2


def _picture(config: DictConfig) -> Iterator[str]:
    image, side = config.image, 2 * int(config.model.image_patch_size)
    if image.min_pixels > image.max_pixels:
        yield f"image.min_pixels={image.min_pixels} is larger than image.max_pixels={image.max_pixels}"
        return
    if image.max_pixels < side**2:
        yield f"image.max_pixels={image.max_pixels} is less than one token of {side} x {side} pixels"
        return
    tokens, room = largest_picture_tokens(config), config.solver.train.max_prompt_tokens
    if tokens >= room:
        yield (
            f"solver.train.max_prompt_tokens={room}: a picture of the allowed size alone has {tokens} tokens; raise "
            "it, or lower image.max_pixels"
        )


def _coder_rows(config: DictConfig) -> Iterator[str]:
    coder, rule = config.coder, config.coder.filter
    least = coder.train.prompts_per_update
    if rule.min_rows < least:
        yield f"coder.filter.min_rows={rule.min_rows} must be at least coder.train.prompts_per_update={least}"
    if rule.min_rows > rule.target_rows:
        yield f"coder.filter.min_rows={rule.min_rows} is more than coder.filter.target_rows={rule.target_rows}"
    if rule.min_rows > rule.attempt_budget:
        yield (
            f"coder.filter.min_rows={rule.min_rows} is more than coder.filter.attempt_budget={rule.attempt_budget}: "
            "no collection can succeed"
        )
    low, high = rule.window
    count = 1 if _greedy(coder.sampling.collect) else int(coder.samples)
    shares = [k / coder.samples if count > 1 else float(k) for k in range(count + 1)]
    if rule.mode == "window" or (rule.mode == "window_then_variance" and count < 2):
        if not _reachable(shares, low, high):
            cause = (
                "greedy coder.sampling.collect gives one code"
                if coder.samples > 1
                else f"coder.samples={coder.samples}"
            )
            yield (
                f"{cause}: no row can pass coder.filter.window=[{low:g}, {high:g}], the share of codes that draw "
                f"is one of {_shares(shares)}; widen the window, raise coder.samples, or set coder.filter.mode=off"
            )
    elif rule.mode == "variance" and count < 2:
        yield "coder.filter.mode=variance needs different codes of one proposal: raise coder.samples to 2 or more"


def _solver_rows(config: DictConfig) -> Iterator[str]:
    solver, rule = config.solver, config.solver.filter
    least = solver.train.prompts_per_update
    if rule.min_rows < least:
        yield f"solver.filter.min_rows={rule.min_rows} must be at least solver.train.prompts_per_update={least}"
    target = rule.target_rows
    if target is not None and rule.min_rows > target:
        yield f"solver.filter.min_rows={rule.min_rows} is more than solver.filter.target_rows={target}"
    name = "proposals" if target is None else "attempt_budget"
    if rule.min_rows > rule[name]:
        yield (
            f"solver.filter.min_rows={rule.min_rows} is more than solver.filter.{name}={rule[name]}: "
            "no collection can succeed"
        )
    low, high = rule.hard_consistency
    greedy = _greedy(solver.sampling.label)
    count = 1 if greedy else int(solver.label_votes)
    shares = [k / count for k in range(1, count + 1)]
    if not _reachable(shares, low, high):
        cause = (
            "greedy solver.sampling.label gives one answer" if greedy else f"solver.label_votes={solver.label_votes}"
        )
        yield (
            f"{cause}: no row can pass solver.filter.hard_consistency=[{low:g}, {high:g}], the majority's share is one "
            f"of {_shares(shares)}; widen the window or raise solver.label_votes"
        )
    if _greedy(solver.sampling.judge) and solver.votes > 1:
        yield (
            f"greedy solver.sampling.judge: solver.votes={solver.votes} equal answers make every question as easy as "
            "another; raise its temperature"
        )


def _thresholds(config: DictConfig) -> Iterator[str]:
    alarms = config.alarms
    if alarms.hard_consistency_min > alarms.hard_consistency_max:
        yield (
            f"alarms.hard_consistency_min={alarms.hard_consistency_min:g} is above "
            f"alarms.hard_consistency_max={alarms.hard_consistency_max:g}"
        )
    if not sum(config.proposer.diversity.weights.values()) and config.proposer.diversity.measure != "off":
        yield "proposer.diversity.weights are all 0; set proposer.diversity.measure=off for no diversity term"


def _verified(config: DictConfig) -> Iterator[str]:
    """Evidence beside the picture that could say nothing (docs/method.md §10)."""
    solver, caption = config.solver, config.solver.label_mode == "caption"
    if solver.label_mode == "truth" and config.model.prompts != "tiny":
        yield f"solver.label_mode=truth: the truth is known of the tiny world only, not of model={config.model.name}"
    if config.proposer.unknown_penalty and not config.verify.caption:
        yield (
            f"proposer.unknown_penalty={config.proposer.unknown_penalty:g} counts what readers of the caption call "
            "unknown, and verify.caption=false asks none; set verify.caption=true, or the penalty to 0"
        )
    if "python" not in config.coder.languages:
        for key, wanted in (
            ("solver.label_mode=program", solver.label_mode == "program"),
            ("verify.program=true", config.verify.program),
        ):
            if wanted:
                yield f"{key}: only Python computes answers; add python to coder.languages"
    for use, asked in (("judge", config.verify.caption), ("label", caption)):
        if asked and config.verify.votes > 1 and _greedy(solver.sampling[use]):
            yield (
                f"greedy solver.sampling.{use}: verify.votes={config.verify.votes} equal answers from a caption agree "
                "about anything; raise its temperature"
            )


def _adapters(config: DictConfig) -> Iterator[str]:
    """Settings of adapters that would say nothing, or stop the first stage after its model is loaded."""
    adapter, lr = config.adapter, config.optim.lr * config.adapter.lr_factor
    if not adapter.rank:
        if adapter.kl_anchor == "base":
            yield "adapter.kl_anchor=base without adapters: adapter.rank=0 trains every parameter; set tuning=lora_base"
        return
    if lr > 1:
        yield (
            f"optim.lr={config.optim.lr:g} times adapter.lr_factor={adapter.lr_factor:g} is {lr:g}, and a rate is at "
            "most 1; lower one of them"
        )
    if "all-linear" in adapter.targets and len(adapter.targets) > 1:
        yield f"adapter.targets={list(adapter.targets)}: all-linear stands alone; beside others it is a layer's name"
    try:
        re.compile(adapter.exclude or "")
    except re.error as error:
        yield f"adapter.exclude={adapter.exclude!r} is no expression ({error}); an example is .*visual.*"


def _heads(config: DictConfig) -> Iterator[str]:
    """vLLM gives every GPU of a server equally many attention heads, and whole or repeated key-value heads."""
    model = config.model.architecture
    if model is None:
        return
    for stage in STAGES:
        layout = config.hardware.stages[stage]
        for key, used in (("tensor_parallel", stage in ROLES), ("peer_tensor_parallel", bool(PEERS[stage]))):
            width = int(layout[key])
            if used and (model.heads % width or (model.kv_heads % width and width % model.kv_heads)):
                yield (
                    f"hardware.stages.{stage}.{key}={width}: {config.model.name} has {model.heads} attention heads and "
                    f"{model.kv_heads} key-value heads, which do not spread over {width} GPUs"
                )


def check_prompts(templates: PromptTemplates, prompt_fields: list[str]) -> None:
    """The Coder's template with the fields it will get, tried once.

    Raises:
        ValueError: the template shows a field that coder.prompt_fields hides, or has no line for one.
    """
    proposal = dict.fromkeys(("content_type", "caption", "easy_question", "easy_answer"), "x")
    templates.coder_text(proposal | dict.fromkeys(("hard_question", "hard_answer"), "x"), prompt_fields)


def _greedy(sampling: DictConfig) -> bool:
    """All answers to one prompt are equal (vLLM: temperature below 1e-5, or one candidate)."""
    return sampling.temperature < 1e-5 or sampling.top_k == 1


def _reachable(shares: list[float], low: float, high: float) -> bool:
    return any(low - TOLERANCE <= share <= high + TOLERANCE for share in shares)


def _shares(shares: list[float]) -> str:
    shown = [f"{share:.3g}" for share in shares]
    return ", ".join(shown if len(shown) <= 6 else [*shown[:5], "...", shown[-1]])
