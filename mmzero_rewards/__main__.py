"""`python -m mmzero_rewards replay FILE`: recompute recorded cases and say which differ.

Prints `replayed N, differing M`, then one line per difference. Exit code 0: all replay; 1: some differ; 2: the file
cannot be read or a grader is not installed.
"""

import argparse
import sys
from pathlib import Path

from mmzero_rewards.answers.grading import GraderUnavailable
from mmzero_rewards.scoring.cases import ReplayError, load, one_line
from mmzero_rewards.scoring.replay import replay


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m mmzero_rewards", description="Reward arithmetic of MM-Zero.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("replay", help="recompute the cases of a JSON file and compare")
    command.add_argument("file", type=Path, help="JSON list of {id, role, preset, inputs, expected}")
    options = parser.parse_args(arguments)
    try:
        cases = load(options.file)
        differing = {case["id"]: found for case in cases if (found := replay(case))}
    except (ReplayError, GraderUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"replayed {len(cases)}, differing {len(differing)}")
    for name, found in differing.items():
        print(f"{one_line(name)}: {'; '.join(found)}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
