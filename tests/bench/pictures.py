"""Draws the corpus of pictures and prints what comes out by kind: `python tests/bench/pictures.py` (a minute).

The base rate: how many files come out as expected, by status, and what they take. Exit code 1 if one does not.
"""

import os
import statistics
import sys
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mmzero_env import RenderConfig, RenderEnv  # noqa: E402
from tests.support.pictures import cases  # noqa: E402

ROW = "{:<22}{:>6}{:>10}  {:<44}{:>10}{:>10}"


def main() -> int:
    drawn = [case for case in cases() if not case.missing]
    with RenderEnv(RenderConfig(workers=len(os.sched_getaffinity(0)), timeout_s=60.0, cpu_s=40.0)) as env:
        results = env.render_many([case.request() for case in drawn])
    kinds = defaultdict(list)
    wrong = []
    for case, result in zip(drawn, results, strict=True):
        problems = case.problems(result)
        wrong += [f"{case.path.name}: {problem}" for problem in problems]
        kinds[case.language, case.kind if case.language == "svg" else ""].append((result, not problems))
    print(ROW.format("kind", "files", "as wanted", "status", "median ms", "most ms"))
    everything = [row for rows in kinds.values() for row in rows]
    for (language, kind), rows in [*sorted(kinds.items()), (("all", ""), everything)]:
        times = [1000 * result.wall_s for result, _ in rows]
        statuses = Counter(result.status.name for result, _ in rows)
        shown = ", ".join(f"{name} {count}" for name, count in statuses.most_common())
        right = sum(fine for _, fine in rows)
        most = f"{max(times):.0f}"
        print(ROW.format(f"{language} {kind}", len(rows), right, shown, f"{statistics.median(times):.0f}", most))
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
