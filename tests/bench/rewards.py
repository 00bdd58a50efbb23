"""Speed of the pure reward code against its goals: `python tests/bench/rewards.py`.

Times are CPU seconds of this process (time.process_time), best of several passes, one core; ratios carry over between
machines better than milliseconds. Exit code 1 if a goal is missed.
"""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mmzero_rewards.answers import grading  # noqa: E402
from mmzero_rewards.answers.voting import vote  # noqa: E402
from mmzero_rewards.parsing.responses import (  # noqa: E402
    FormatError,
    extract_answer,
    extract_code,
    has_answer_format,
    parse_proposal,
)
from mmzero_rewards.scoring.distances import distances  # noqa: E402
from mmzero_rewards.scoring.diversity import clusters  # noqa: E402
from tests.rewards.test_parsing import LONG_TEXTS  # noqa: E402
from tests.support.hostile_answers import hostile_pairs  # noqa: E402

missed: list[str] = []


def show(name: str, value: float, unit: str, goal: float | None = None, at_least: bool = False) -> None:
    met = goal is None or (value >= goal if at_least else value <= goal)
    wanted = "" if goal is None else f"  goal {'>=' if at_least else '<='} {goal:g}  {'ok' if met else 'MISSED'}"
    print(f"{name:<58}{value:>12,.4g} {unit:<10}{wanted}")
    if not met:
        missed.append(name)


def seconds(run: Callable[[], object], passes: int = 3) -> float:
    best = float("inf")
    for _ in range(passes):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def answer_pairs(count: int) -> list[tuple[str, str]]:
    """Distinct pairs like those of real votes: numbers, decimals, words, units, fractions, options, equal and not."""
    dice = random.Random(0)
    nouns = ["triangle", "harbour", "reactor", "bar", "segment", "queue", "kite", "orbit", "valve", "ledger"]
    colours = ["red", "blue", "teal", "olive", "navy", "amber"]

    def answer(i: int) -> str:
        number = i + dice.random()
        return dice.choice(
            [
                str(i),
                f"{number:.1f}",
                f"{number:.2f}",
                f"{i:,}",
                f"{i} cm",
                f"{i % 97}/{i % 89 + 2}",
                f"{i % 100}%",
                f"{dice.choice(colours)}{i}",
                f"the {dice.choice(colours)} {dice.choice(nouns)} {i}",
                f"{dice.choice(nouns).title()}",
                f"{'ABCD'[i % 4]}. {dice.choice(nouns)}",
                f"\\text{{{dice.choice(colours)}}}",
            ]
        )

    return [(a := answer(i), a.upper() if dice.random() < 0.4 else answer(i + 1)) for i in range(count)]


def bench_grading() -> None:
    pairs = answer_pairs(20_000)

    def fresh() -> None:
        grading._read_cached.cache_clear()
        for a, b in pairs:
            grading.grade(a, b)

    show("grading, distinct answers, nothing cached", len(pairs) / seconds(fresh), "pairs/s", 20_000, at_least=True)
    few = pairs[:2_000]

    def repeated() -> None:
        for a, b in few:
            grading.grade(a, b)

    repeated()
    show("grading, answers seen before", len(few) / seconds(repeated), "pairs/s", 20_000, at_least=True)


def bench_hostile() -> None:
    pairs = hostile_pairs()

    def one(a: str, b: str) -> float:
        def run() -> None:
            grading._read_cached.cache_clear()
            grading.grade(a, b)

        return seconds(run)

    worst, a, b = max((one(a, b), a, b) for a, b in pairs)
    show(f"worst of {len(pairs)} hostile pairs ({a[:12]!r}, {b[:12]!r})", worst * 1e3, "ms", 20)


def bench_votes() -> None:
    dice = random.Random(1)
    questions = []
    for i in range(1_000):
        pool = [str(i), f"{i}.0", f"{i} cm", str(i + 1), f"{i}/2", "blue", None]
        questions.append([dice.choice(pool) for _ in range(10)])
    show("votes of 10 roll-outs", len(questions) / seconds(lambda: [vote(q) for q in questions]), "votes/s")


def bench_texts(count: int) -> list[str]:
    """Captions of about 60 words from templates with shared and own parts, so that distances cover the whole range."""
    dice = random.Random(2)
    starts, ends = ("ba", "ko", "ri", "su", "te", "lo", "ma", "vi"), ("n", "r", "s", "l", "m", "t", "nd", "rk")
    words = [start + end for start in starts for end in ends]
    phrases = [" ".join(dice.choices(words, k=dice.randint(3, 7))) for _ in range(60)]
    templates = [[dice.choice(phrases) for _ in range(12)] for _ in range(max(4, count // 12))]
    texts = []
    for _ in range(count):
        parts = list(dice.choice(templates))
        for _ in range(dice.randint(0, 8)):
            parts[dice.randrange(len(parts))] = " ".join(dice.choices(words, k=5))
        texts.append(" ".join(parts))
    return texts


def bench_diversity() -> None:
    for count in (72, 512, 2048):
        texts = bench_texts(count)
        matrices = {}

        def field(measure: str, texts: list[str] = texts, matrices: dict = matrices) -> None:
            matrices[measure] = distances(texts, measure)
            clusters(matrices[measure], 0.25)

        own = seconds(lambda: field("ngram_cosine"), 2)
        bleu = seconds(lambda: field("bleu"), 1)
        upper = np.triu_indices(count, 1)
        rank = spearmanr(matrices["ngram_cosine"][upper], matrices["bleu"][upper]).statistic
        found = {name: len(set(clusters(matrix, 0.25))) for name, matrix in matrices.items()}
        show(f"diversity n={count}, n-gram cosine, one field", own, "s", 1.0 if count == 2048 else None)
        show(f"diversity n={count}, BLEU, one field", bleu, "s")
        show(f"diversity n={count}, rank correlation with BLEU", rank, "", 0.8, at_least=True)
        print(f"{'':<58}clusters: n-gram cosine {found['ngram_cosine']}, BLEU {found['bleu']}")


def bench_nltk() -> None:
    """What one BLEU pair costs in NLTK, the reference's way, for scale."""
    try:
        from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
    except ImportError:
        print("NLTK BLEU: not measured, nltk is not installed")
        return
    texts = [text.split() for text in bench_texts(72)]
    smooth = SmoothingFunction().method1
    pairs = [(texts[i], texts[j]) for i in range(72) for j in range(i + 1, 72)]
    spent = seconds(lambda: [sentence_bleu([b], a, smoothing_function=smooth) for a, b in pairs], 1)
    show("NLTK BLEU, one pair", spent / len(pairs) * 1e3, "ms")
    show("NLTK BLEU, n=2048, one field (extrapolated)", spent / len(pairs) * 2048 * 2047 / 2, "s")


def bench_parsers() -> None:
    def parse_all(text: str) -> None:
        for parser in (parse_proposal, extract_code, extract_answer, has_answer_format):
            try:
                parser(text)
            except FormatError:
                continue

    for name, text in LONG_TEXTS.items():
        show(f"all four parsers, 1 MB of {name}", seconds(lambda text=text: parse_all(text)) * 1e3, "ms", 100)


if __name__ == "__main__":
    bench_grading()
    bench_hostile()
    bench_votes()
    bench_diversity()
    bench_nltk()
    bench_parsers()
    print(f"goals missed: {', '.join(missed)}" if missed else "all goals met")
    sys.exit(1 if missed else 0)
