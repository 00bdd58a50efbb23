"""Rows in work at once in a collection: what fills every server (settings/checks/layout.py), by hand."""

import pytest

from recipe.mmzero.settings import schema
from recipe.mmzero.settings.checks.layout import in_flight_rows

ONE = dict.fromkeys(("proposer", "coder", "solver"), "base")
FIRST = ONE | {"proposer": "p"}  # iteration 1: Coder and Solver are the base
LATER = {"proposer": "p", "coder": "c", "solver": "s"}
SEVEN, THREE = "model=qwen2_5_vl_7b", "model=qwen2_5_vl_3b"


@pytest.mark.parametrize(
    ("words", "stage", "inputs", "rows"),
    [
        ((SEVEN, "hardware=gpu8x80"), "collect_coder", None, 256 + 4 * 256 // 4),
        ((SEVEN, "hardware=gpu8x80"), "collect_coder", LATER, 512),
        ((SEVEN, "hardware=gpu8x80"), "collect_coder", FIRST, 256 + 7 * 256 // 4),
        ((SEVEN, "hardware=gpu8x80"), "collect_coder", ONE, 1024),  # 8 x 256 proposals at once; never more than 1,024
        ((SEVEN, "hardware=gpu8x80"), "collect_solver", LATER, 256 + 2 * 256 + 5 * 256 // 20),
        (
            (SEVEN, "hardware=gpu8x80"),
            "collect_solver",
            FIRST,
            1024,
        ),  # 256 + 7 x 256: all of them may be waiting for their one code
        ((THREE, "hardware=gpu1x80"), "collect_coder", LATER, 256 + 64),
        ((THREE, "hardware=gpu1x80"), "collect_coder", FIRST, 256 + 64),  # one server of the two: most_replicas
        ((THREE, "hardware=gpu1x80_lora"), "collect_coder", LATER, 256),  # adapters on one server
        ((THREE, "hardware=gpu1x80_lora"), "collect_solver", LATER, 256),
        ((SEVEN, "hardware=gpu8x80", "hardware.stages.collect_coder.in_flight=99"), "collect_coder", FIRST, 99),
    ],
)
def test_rows_in_flight(words, stage, inputs, rows):
    assert in_flight_rows(schema.load(list(words)), stage, inputs=inputs) == rows
