"""Three graders on the corpus: `python tests/bench/grading.py [--against CHECKOUT] [--wrong]`.

Prints, by kind of answer, how many pairs of tests/corpus/grading.json each grader gets wrong: ours, mathruler (true in
either direction) and math-verify (likewise), all in one run; the other two run in killable children. `--wrong` lists
our wrong pairs. `--against` names another checkout of this repository: both graders are timed in child processes, turn
and turn about, on the corpus and on the pairs of tests/bench/rewards.py, with an empty cache. Exit code 1 if a goal is
missed.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "bench")]

from mmzero_rewards.answers import children  # noqa: E402
from mmzero_rewards.answers.grading import grade  # noqa: E402

CORPUS = ROOT / "tests" / "corpus" / "grading.json"
WRONG_SHARE = 0.05
SLOWER = 2.0
ROUNDS = 9


def corpus() -> dict[str, list[tuple[str, str, bool]]]:
    """Kind of answer -> [(answer, answer, equal?)]."""
    return {kind: [tuple(row) for row in rows] for kind, rows in json.loads(CORPUS.read_text("utf-8")).items()}


def either_way(engine: str):
    return lambda a, b: children.equal(engine, a, b) or children.equal(engine, b, a)


GRADERS = {"ours": grade, "mathruler": either_way("mathruler"), "math-verify": either_way("math_verify")}


def wrong_pairs(grader, pairs: list[tuple[str, str, bool]]) -> list[tuple[str, str, bool]]:
    return [(a, b, equal) for a, b, equal in pairs if grader(a, b) is not equal]


def print_by_kind(list_wrong: bool) -> float:
    """Prints the table and returns our share of wrong pairs."""
    kinds = corpus()
    print(f"{'wrong pairs':<20}{'pairs':>7}" + "".join(f"{name:>13}" for name in GRADERS))
    totals = dict.fromkeys(GRADERS, 0)
    listed = []
    for kind, pairs in kinds.items():
        wrong = {name: wrong_pairs(grader, pairs) for name, grader in GRADERS.items()}
        listed += wrong["ours"]
        for name, found in wrong.items():
            totals[name] += len(found)
        print(f"{kind:<20}{len(pairs):>7}" + "".join(f"{len(found):>13}" for found in wrong.values()))
    count = sum(map(len, kinds.values()))
    print(f"{'all':<20}{count:>7}" + "".join(f"{total:>13}" for total in totals.values()))
    print(f"{'share wrong':<27}" + "".join(f"{total / count:>13.1%}" for total in totals.values()))
    for a, b, equal in listed if list_wrong else ():
        print(f"  wrong: {a!r} and {b!r} are {'equal' if equal else 'different'}")
    return totals["ours"] / count


TIMED = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from mmzero_rewards.answers import grading
pairs = json.load(sys.stdin)
for _ in range(3):
    spent = 0.0
    for _ in range(int(sys.argv[2])):
        grading._read_cached.cache_clear()
        start = time.process_time()
        for a, b in pairs:
            grading.grade(a, b)
        spent += time.process_time() - start
    print(spent, flush=True)
"""


def cpu_seconds(checkout: Path, pairs: list[tuple[str, str]], passes: int) -> float:
    """CPU seconds of `passes` passes over the pairs, the cache empty before each: the best of three, in a process."""
    command = [sys.executable, "-c", TIMED, str(checkout), str(passes)]
    done = subprocess.run(command, input=json.dumps(pairs), capture_output=True, text=True, check=True)
    return min(map(float, done.stdout.split()))


def print_speed(other: Path) -> float:
    """Prints both speeds on both sets of pairs and returns the worst ratio."""
    from rewards import answer_pairs

    sets = {
        "corpus": ([(a, b) for pairs in corpus().values() for a, b, _ in pairs], 10),
        "like real votes": (answer_pairs(10_000), 1),
    }
    worst = 0.0
    for name, (pairs, passes) in sets.items():
        times = [(cpu_seconds(ROOT, pairs, passes), cpu_seconds(other, pairs, passes)) for _ in range(ROUNDS)]
        ours, theirs = (len(pairs) * passes / min(column) for column in zip(*times, strict=True))
        ratios = sorted(one / two for one, two in times)
        worst = max(worst, ratios[ROUNDS // 2])
        print(f"speed, {name}: {ours:,.0f} pairs/s, the other checkout {theirs:,.0f} pairs/s")
        spread = f"median of {ROUNDS} paired runs, {ratios[0]:.2f} to {ratios[-1]:.2f}"
        print(f"speed, {name}: {ratios[ROUNDS // 2]:.2f} times the other's CPU time ({spread})")
    return worst


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="another checkout to time against")
    parser.add_argument("--wrong", action="store_true", help="list the pairs that we get wrong")
    options = parser.parse_args()
    missed = []
    share = print_by_kind(options.wrong)
    if share > WRONG_SHARE:
        missed.append(f"{share:.1%} wrong, goal at most {WRONG_SHARE:.0%}")
    if options.against:
        slower = print_speed(options.against)
        if slower > SLOWER:
            missed.append(f"{slower:.2f} times slower, goal at most {SLOWER:g}")
    print(f"goals missed: {'; '.join(missed)}" if missed else "all goals met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
