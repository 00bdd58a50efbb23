"""The numbers of each iteration and their sources: for the table, the run card and comparisons.

Pictures, questions and answers of an iteration are measured on its Solver collection (P_i drawn by C_i, answered by
S_{i-1}, before any filter), because there all three roles meet; where that is missing, on the samples of the Coder's
training, then of the Proposer's. Rewards are means over the last `WINDOW` training steps.
"""

from collections.abc import Callable
from dataclasses import dataclass

from recipe.mmzero.report.data.read import TRAINING, Run, Step
from recipe.mmzero.report.data.stats import Number, Z, content_entropy, median, share
from recipe.mmzero.report.data.survey import Survey, Tally

WINDOW = 5
SOURCES = ("collect_solver", "coder", "proposer")


@dataclass(frozen=True)
class Column:
    """A column of the iteration table. `percent`: shown as percent, otherwise with `digits`; values lie in [0, top]."""

    key: str
    title: str
    percent: bool = True
    digits: int = 2
    top: float | None = None


COLUMNS = (
    Column("render", "render success", top=1.0),
    Column("solvability", "solvability", top=1.0),
    Column("difficulty", "difficulty", False, top=0.5),
    Column("consistency", "median hard consistency", False, top=1.0),
    Column("gap", "easy - hard consistency", False),
    Column("entropy", "content entropy", False, top=1.0),
    Column("leak", "leak rate", top=1.0),
    Column("blind", "blind rate", top=1.0),
    Column("coder_rows", "Coder rows", False, 0),
    Column("solver_rows", "Solver rows", False, 0),
    Column("proposer_reward", "Proposer reward", False),
    Column("coder_reward", "Coder reward", False),
    Column("solver_reward", "Solver reward", False),
)


def source(found: Survey, iteration: int, usable: Callable[[Tally], bool]) -> tuple[str, Tally]:
    """The first source that has what is asked for, with its name; ("", empty) if none has."""
    for name in SOURCES:
        tally = found.tally(iteration, name)
        if usable(tally):
            return name, tally
    return "", Tally()


def numbers(run: Run, found: Survey, iteration: int) -> dict[str, Number | None]:
    """COLUMNS of one iteration; None where the run has no such number (yet)."""
    row: dict[str, Number | None] = {}
    _, drawn = source(found, iteration, lambda t: bool(t.drawings))
    row["render"] = share(drawn.drawings.get("ok", 0), sum(drawn.drawings.values()))
    collected = run.step(iteration, "collect_solver")
    codes, rate = (collected.number("codes"), collected.number("render_rate")) if collected else (None, None)
    if codes and rate is not None:
        row["render"] = share(rate * codes, codes)
    _, asked = source(found, iteration, lambda t: bool(t.consistency))
    row["solvability"] = asked.moments["solvability"].share()
    row["difficulty"] = asked.moments["difficulty"].mean()
    row["gap"] = asked.moments["gap"].mean()
    middle = median(asked.consistency.elements())
    row["consistency"] = None if middle is None else Number(middle, n=sum(asked.consistency.values()))
    _, written = source(found, iteration, lambda t: bool(t.content))
    entropy = content_entropy(written.content)
    row["entropy"] = None if entropy is None else Number(entropy, n=sum(written.content.values()))
    for key, name in (("leak", "leak"), ("blind", "blind_rate")):
        _, tally = source(found, iteration, lambda t, name=name: t.moments[name].n > 0)
        row[key] = tally.moments[name].share()
    for role in ("coder", "solver"):
        step = run.step(iteration, f"collect_{role}")
        accepted = step.number("accepted") if step else None
        row[f"{role}_rows"] = None if accepted is None else Number(accepted)
    for role in TRAINING:
        step = run.step(iteration, role)
        row[f"{role}_reward"] = _reward(step) if step else None
    return row


def reward_series(step: Step) -> list[tuple[int, Number]]:
    """Mean reward per training step; its interval comes from the roll-outs' spread where both are logged."""
    spread = dict(step.series.get(f"mmzero/{step.name}/reward/std", []))
    counts = f"mmzero/{step.name}/reward/n", f"mmzero/{step.name}/rollouts"  # of earlier runs only the second
    rollouts = dict(step.series.get(counts[0]) or step.series.get(counts[1], []))
    means = step.series.get(f"mmzero/{step.name}/reward/mean") or step.series.get("critic/score/mean", [])
    points = []
    for number, mean in means:
        n = rollouts.get(number, 0)
        half = Z * spread[number] / n**0.5 if n > 1 and number in spread else None
        points.append(
            (number, Number(mean, None if half is None else mean - half, None if half is None else mean + half))
        )
    return points


def _reward(step: Step) -> Number | None:
    last = [point for _, point in reward_series(step)][-WINDOW:]
    if not last:
        return None
    mean = sum(point.value for point in last) / len(last)
    halves = [point.high - point.value for point in last if point.high is not None]
    # Steps are different batches: the mean of `len(last)` of them is that much more certain.
    half = sum(half**2 for half in halves) ** 0.5 / len(halves) if len(halves) == len(last) else None
    return Number(mean, None if half is None else mean - half, None if half is None else mean + half)


def show(number: Number | None, column: Column) -> tuple[str, str]:
    """(value, interval) as text; the interval is "" where none is known."""
    if number is None:
        return "–", ""

    def one(value: float) -> str:
        return f"{100 * value:.1f}%" if column.percent else f"{value:,.{column.digits}f}"

    if number.low is None or number.high is None:
        return one(number.value), ""
    interval = f"{one(number.low).rstrip('%')} to {one(number.high)}"
    return one(number.value), interval


def state_of(run: Run) -> str:
    """One word for the header: what state.json says about the last step, or what is there."""
    records = run.state.get("steps")
    records = list(records.values()) if isinstance(records, dict) else records if isinstance(records, list) else []
    states = [str(record.get("status", "")) for record in records if isinstance(record, dict)]
    if any(state == "failed" for state in states):
        return "failed"
    if any(state == "running" for state in states):
        return "running"
    trained = {step.iteration for step in run.steps if step.name == "solver" and step.series}
    wanted = run.setting("evolution.iterations")
    if isinstance(wanted, int) and len(trained) < wanted:
        return f"{len(trained)} of {wanted} iterations"
    return f"{len(trained)} iterations" if len(trained) != 1 else "1 iteration"
