"""`mmzero eval`: benchmarks of checkpoints with intervals, paired with the first one.

mmzero eval BASE runs/a/iter_01/solver/hf --suite suite.yaml --out eval/a
mmzero eval --export-world DIR            held-out scenes of the tiny world as a suite
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.settings.arguments import Parser, UsageError, filled, names, place, positive
from recipe.mmzero.settings.text import refused

if TYPE_CHECKING:
    from recipe.mmzero.run.evaluate.asking.server import Serving
    from recipe.mmzero.run.evaluate.evaluation import Checkpoint
    from recipe.mmzero.run.evaluate.suite import Suite


def parser() -> Parser:
    found = Parser(prog="mmzero eval", description=__doc__)
    found.add_argument(
        "checkpoints",
        nargs="*",
        type=filled("the checkpoint"),
        metavar="CHECKPOINT",
        help="[LABEL=]FOLDER or [LABEL=]http://HOST:PORT; the first is the base",
    )
    found.add_argument("--suite", type=filled("the suite"), default="quick", help="quick, paper or FILE.yaml")
    found.add_argument("--out", type=place("the folder"), metavar="DIR", help="answers and results")
    found.add_argument(
        "--data", type=place("the folder"), metavar="DIR", help="folder that relative paths of data start from"
    )
    found.add_argument("--only", type=names("a list"), default=[], metavar="NAME,...", help="these benchmarks only")
    asked = found.add_argument_group("in place of the suite's own values")
    asked.add_argument(
        "--prompt", choices=("training", "own"), help="the Solver's training prompt, or each benchmark's own"
    )
    asked.add_argument("--template", type=filled("the template"), help="of the training prompt: full, tiny or FILE")
    asked.add_argument("--samples", type=positive, metavar="N", help="answers to each item")
    asked.add_argument("--temperature", type=float, metavar="T")
    asked.add_argument("--max-tokens", type=positive, metavar="N")
    asked.add_argument("--seed", type=int, metavar="N")
    asked.add_argument("--blind", action="store_true", default=None, help="also ask the base without pictures")
    found.add_argument(
        "--training",
        type=place("the folder"),
        action="append",
        default=[],
        metavar="DIR",
        help="run or folder: look for its pictures",
    )
    judge = found.add_argument_group("judge")
    judge.add_argument("--judge", metavar="URL", help="OpenAI-compatible address for what rules cannot decide")
    judge.add_argument("--judge-model", metavar="NAME", help="its model (default: the first that it serves)")
    serving = found.add_argument_group("serving and asking")
    serving.add_argument("--gpus", type=_count, metavar="N", help="for the server (default: all; 0: CPU)")
    serving.add_argument("--serve", type=_words, default=[], metavar="WORDS", help="further words for `vllm serve`")
    serving.add_argument("--in-flight", type=positive, default=32, metavar="N", help="requests at once (default: 32)")
    serving.add_argument(
        "--timeout", type=positive, default=1800, metavar="S", help="seconds for one request with its retries"
    )
    other = found.add_argument_group("let another toolkit ask (--suite gives sampling and pixels)")
    other.add_argument("--with", dest="toolkit", choices=("lmms-eval", "vlmevalkit"), help="which one")
    other.add_argument("--tasks", type=names("a list"), default=[], metavar="NAME,...", help="its tasks or data sets")
    other.add_argument("--python", metavar="FILE", help="its interpreter; without, the command is printed")
    other.add_argument(
        "--include", type=place("the folder"), metavar="DIR", help="lmms-eval: folder of tasks of your own"
    )
    other.add_argument("--metric", metavar="NAME", help="lmms-eval: the metric that counts")
    world = found.add_argument_group("suites to try it on")
    world.add_argument(
        "--export-world", type=place("the folder"), metavar="DIR", help="write held-out scenes of the tiny world"
    )
    world.add_argument(
        "--export-easy-vqa", type=place("the folder"), metavar="DIR", help="write easy-VQA (pip install easy-vqa)"
    )
    world.add_argument(
        "--items", type=positive, default=200, metavar="N", help="questions to write, of each kind (default: 200)"
    )
    return found


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_intermixed_args(list(arguments))
    try:
        if options.export_world:
            from recipe.mmzero.run.evaluate.data import world

            print(world.export(options.export_world, options.items))
            return 0
        if options.export_easy_vqa:
            from recipe.mmzero.run.evaluate.data import easy_vqa

            print(easy_vqa.export(options.export_easy_vqa, options.items))
            return 0
        return _evaluate(options)
    except EvaluationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {refused(error, options.out)}; stored answers are kept", file=sys.stderr)
        return 1


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("must be a whole number of at least 0")
    return int(text)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"cannot be read as words: {error}") from None


def _changes(options: argparse.Namespace) -> dict[str, Any]:
    keys = ("prompt", "template", "samples", "temperature", "max_tokens", "seed", "blind")
    found = {key: getattr(options, key) for key in keys if getattr(options, key) is not None}
    judge = {"address": options.judge, "model": options.judge_model}
    found["judge"] = {key: value for key, value in judge.items() if value is not None}
    if options.template and options.template not in ("full", "tiny"):
        found["template"] = str(Path(options.template).absolute())
    return found


def _evaluate(options: argparse.Namespace) -> int:
    if not options.checkpoints:
        raise UsageError("no checkpoint given; `mmzero eval --help` explains")
    if options.out is None:
        raise UsageError("--out DIR says where answers and results go")
    from recipe.mmzero.machine.facts import gpus
    from recipe.mmzero.run.evaluate import suite
    from recipe.mmzero.run.evaluate.asking.server import Serving
    from recipe.mmzero.run.evaluate.evaluation import checkpoints
    from recipe.mmzero.run.record.lock import Lock, Locked

    chosen = suite.only(suite.load(options.suite, options.data, _changes(options)), options.only)
    if options.judge_model and chosen.judge.address is None:
        raise UsageError("--judge-model needs a judge: --judge URL, or judge.address in the suite")
    models = checkpoints(options.checkpoints)
    options.out.mkdir(parents=True, exist_ok=True)
    lock = Lock(options.out / "lock")
    try:
        lock.take()
    except Locked as owner:
        raise EvaluationError(f"process {owner} works on {options.out}") from None
    serving = Serving(len(gpus()) if options.gpus is None else options.gpus, options.serve)
    try:
        if options.toolkit:
            shown = _hand_off(options, chosen, models, serving)
        else:
            shown = _ask(options, chosen, models, serving)
    finally:
        lock.release()
    print("\n".join(shown))
    print(options.out / "RESULTS.md")
    return 0


def _unused(options: argparse.Namespace, unused: Sequence[str], why: str) -> None:
    """An option that would do nothing is an error."""
    for name in unused:
        if getattr(options, name):
            raise UsageError(f"--{name} does nothing {why}")


def _ask(options: argparse.Namespace, chosen: "Suite", models: "Sequence[Checkpoint]", serving: "Serving") -> list[str]:
    from recipe.mmzero.run.evaluate import results
    from recipe.mmzero.run.evaluate.asking.ask import Asking
    from recipe.mmzero.run.evaluate.contamination import duplicates, training_pictures
    from recipe.mmzero.run.evaluate.evaluation import BLIND, Evaluation

    _unused(options, ("tasks", "python", "include", "metric"), "without --with TOOLKIT")
    evaluation = Evaluation(chosen, options.out)
    items = evaluation.prepare()
    training = training_pictures(options.training)  # before hours of asking: a folder may hold none
    scores, judged = {}, {}
    for model in models:
        blind = chosen.blind and model is models[0]
        evaluation.ask(model, items, serving, Asking(options.in_flight, options.timeout), blind)
        store = evaluation.store(model.label)
        store.load()
        verdicts = evaluation.verdicts(model.label, items)
        scores[model.label] = results.scored(chosen, items, store.answers, verdicts["decided"])
        judged[model.label] = verdicts["record"]
    found = results.summary(chosen, items, scores) | {"judged": judged}
    found["iterations"] = {model.label: model.iteration for model in models}
    if chosen.blind:
        label = f"{models[0].label}-{BLIND}"
        without = evaluation.store(label)
        without.load()
        verdicts = evaluation.verdicts(label, items)  # as those with pictures: a judge decides the same kind of answer
        blind_scores = results.scored(chosen, items, without.answers, verdicts["decided"])
        found["blind"] = results.blind(items, scores[models[0].label], blind_scores)
    if options.training:
        pictures = {name for item in items for name in item.pictures}
        copies = duplicates([evaluation.pictures.folder / name for name in sorted(pictures)], training)
        named = {path.name: str(other) for path, other in copies.items()}
        found["training"] = results.shown_in_training(items, named, len(training))
    return evaluation.write_results(found)


def _hand_off(
    options: argparse.Namespace, chosen: "Suite", models: "Sequence[Checkpoint]", serving: "Serving"
) -> list[str]:
    from recipe.mmzero.run.evaluate.handoff.run import run
    from recipe.mmzero.run.evaluate.handoff.toolkits import Handoff

    if not options.tasks:
        raise UsageError("--tasks NAME,... says what the toolkit asks")
    _unused(
        options, ("only", "data", "samples", "blind", "training"), f"--with {options.toolkit}: it asks its own items"
    )
    handoff = Handoff(options.toolkit, options.tasks, options.python, options.include, options.in_flight)
    return run(chosen, handoff, models, options.out, serving, options.metric)
