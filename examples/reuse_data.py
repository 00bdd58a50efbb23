"""A few made-up rows in verl's format for the reuse examples: `reuse_data.py {solver,coder} ROWS.parquet [COUNT]`.

The scenes are bars of the embedded tiny model's micro-world, drawn and described here without MM-Zero's recipe, as a
stranger's dataset would be. Pictures are written beside the parquet file; rows hold their paths.
"""

import random
import sys
from pathlib import Path

import pandas as pd
from PIL import Image, ImageDraw

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 128, 0), "black": (0, 0, 0)}
SIDE, UNIT = 112, 14  # pixels


def scenes(count: int) -> list[list[tuple[str, int]]]:
    """(colour, height) of two or three bars."""
    rng = random.Random(0)
    return [
        [(colour, rng.randint(1, 6)) for colour in rng.sample(list(COLOURS), rng.randint(2, 3))] for _ in range(count)
    ]


def questions(bars: list[tuple[str, int]]) -> dict[str, str]:
    (first, a), (second, b) = bars[:2]
    return {
        "content_type": "data_chart",
        "caption": "bars: " + ", ".join(f"{colour} {height}" for colour, height in bars),
        "easy_question": f"value of {first}?",
        "easy_answer": str(a),
        "hard_question": f"difference of {first} and {second}?",
        "hard_answer": str(abs(a - b)),
    }


def solver_row(index: int, bars: list[tuple[str, int]], folder: Path) -> dict:
    """Picture, question, ground truth: all that SolverRewardManager needs."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    for position, (colour, height) in enumerate(bars):
        left = 28 * position + 4
        ImageDraw.Draw(image).rectangle([left, SIDE - UNIT * height, left + 19, SIDE - 1], fill=COLOURS[colour])
    path = folder / f"{index:04d}.png"
    image.save(path)
    asked = questions(bars)
    return {
        "data_source": "bars",
        "prompt": [{"role": "user", "content": "<image>" + asked["easy_question"]}],
        "images": [{"image": str(path)}],
        "reward_model": {"style": "rule", "ground_truth": asked["easy_answer"]},
        "extra_info": {"index": index},
    }


def coder_row(index: int, bars: list[tuple[str, int]], folder: Path) -> dict:
    """Prompt plus the fields that CoderRewardManager reads from extra_info."""
    asked = questions(bars)
    prompt = "draw svg: {caption}\nQ: {easy_question} A: {easy_answer}\nQ: {hard_question}".format(**asked)
    return {
        "data_source": "bars",
        "prompt": [{"role": "user", "content": prompt}],
        "reward_model": {"style": "rule", "ground_truth": ""},
        "extra_info": {"index": index} | asked,
    }


def main(role: str, target: Path, count: int) -> None:
    folder = target.resolve().parent / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    make = {"solver": solver_row, "coder": coder_row}[role]
    pd.DataFrame([make(index, bars, folder) for index, bars in enumerate(scenes(count))]).to_parquet(target)
    print(f"{count} rows: {target}")


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("solver", "coder"):
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 32)
