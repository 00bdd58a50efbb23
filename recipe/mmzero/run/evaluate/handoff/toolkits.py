"""lmms-eval 0.7.3 and VLMEvalKit: the command for a served checkpoint, and where their samples land.

Both live in environments of their own (they pin much that verl needs otherwise); `--python FILE` names its
interpreter. Token limits are raised in the command: two of lmms-eval's tasks cut a reasoning model off by default.
lmms-eval's request time-out is 10 s by default.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmzero_rewards.peers.address import base_url
from recipe.mmzero.run.evaluate.suite import Suite


@dataclass(frozen=True)
class Handoff:
    """What the toolkit is told. python: its interpreter (VLMEvalKit: started in its checkout); None: the command is
    only printed. include: folder of lmms-eval tasks of one's own."""

    name: str
    tasks: Sequence[str]
    python: str | None
    include: Path | None = None
    in_flight: int = 32


def command(handoff: Handoff, suite: Suite, model: str, url: str, folder: Path) -> list[str]:
    """The toolkit's command line for one checkpoint.

    Args:
        model: the name that is served. url: its address with /v1.
    """
    return {"lmms-eval": _lmms_eval, "vlmevalkit": _vlmevalkit}[handoff.name](handoff, suite, model, url, folder)


def _lmms_eval(handoff: Handoff, suite: Suite, model: str, url: str, folder: Path) -> list[str]:
    model = f"model={model},base_url={url},api_key=EMPTY,num_concurrent={handoff.in_flight},timeout=600"
    words = [handoff.python or "python", "-m", "lmms_eval", "--model", "openai", "--model_args", model]
    if handoff.include:
        words += ["--include_path", str(handoff.include)]
    words += ["--tasks", ",".join(handoff.tasks), "--batch_size", "1", "--seed", str(suite.seed)]
    sampling = f"max_new_tokens={suite.max_tokens},temperature={suite.temperature:g},top_p={suite.top_p:g}"
    return [*words, "--gen_kwargs", sampling, "--log_samples", "--output_path", str(folder)]


def _vlmevalkit(handoff: Handoff, suite: Suite, model: str, url: str, folder: Path) -> list[str]:
    words = [
        handoff.python or "python",
        "run.py",
        "--model",
        model,
        "--base-url",
        url,
        "--key",
        "EMPTY",
    ]
    words += ["--api-mode", "--api-nproc", str(handoff.in_flight), "--max-tokens", str(suite.max_tokens)]
    words += ["--temperature", f"{suite.temperature:g}", "--work-dir", str(folder), "--reuse", "--data", *handoff.tasks]
    if suite.judge.address:
        words += [
            "--judge",
            suite.judge.model or "judge",
            "--judge-base-url",
            base_url(suite.judge.address),
            "--judge-key",
            "EMPTY",
        ]
    return words


def environment(handoff: Handoff) -> dict[str, str]:
    """What the command needs besides the caller's variables: data from the cache, tables as text."""
    if handoff.name == "lmms-eval":
        return {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    return {"PRED_FORMAT": "tsv", "EVAL_FORMAT": "csv"}
