"""`mmzero status RUN_DIR [--watch]`: what is done, running and next; the last error, rewards and alarm.

Reads only (snapshot.py), at any time. With --watch: a live view on a terminal, a line per change elsewhere; it ends
when the run is finished, when no loop works on it any more (and says so), or with Ctrl-C.
"""

import sys
import time
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mmzero_env.results import one_line
from recipe.mmzero.report.data.read import TITLES
from recipe.mmzero.run.record.journal import JournalError
from recipe.mmzero.run.status.snapshot import Snapshot, look
from recipe.mmzero.settings.text import clock

INTERVAL_S = 2.0
MARKS = {"done": "✓", "running": "▶", "failed": "✗", "waiting": "·"}
STYLES = {"done": "green", "running": "bold cyan", "failed": "bold red", "waiting": "dim"}


def main(run_dir: Path, watch: bool = False) -> int:
    """Print the state of a run; exit code 1 with one line if its folder cannot be read."""
    try:
        shown = look(run_dir)
        if not watch:
            print("\n".join(lines(shown)))
            return 0
        if sys.stdout.isatty():
            return _live(run_dir, shown)
        return _follow(run_dir, shown)
    except JournalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def lines(shown: Snapshot) -> list[str]:
    """The state as plain text."""
    found = [headline(shown)]
    for name, status in shown.steps:
        record = shown.records.get(name)
        parts = [f"  {status:<8}{name}"]
        if record is not None and record.seconds and status != "running":
            parts.append(clock(record.seconds))
        if record is not None and record.attempts > 1:
            parts.append(f"{record.attempts} attempts")
        if shown.current is not None and shown.current.id == name:
            parts.append(current_line(shown))
        found.append("  ".join(parts))
    for title, text in facts(shown):
        found.append(f"{title}: {text}")
    return found


def headline(shown: Snapshot) -> str:
    """`runs/x: 7 of 15 steps done, about 1:20:00 left`"""
    of = f" of {len(shown.steps)}" if shown.planned else ""
    text = f"{shown.run_dir}: {shown.done}{of} steps done"
    if shown.remaining_s is not None and not shown.finished:
        text += f", about {clock(shown.remaining_s)} left"
    return text


def current_line(shown: Snapshot) -> str:
    """Progress of the running step with rate, ETA and the age of its last sign."""
    now = shown.current
    if now is None:
        return ""
    parts = [now.line]
    if now.unit == "steps":
        if now.rate is not None:
            parts.append(f"{now.rate:.2f} steps/min")
        if now.eta_s is not None:
            parts.append(f"ETA {clock(now.eta_s)}")
    if now.sign_age_s is not None:
        parts.append(f"last sign {clock(now.sign_age_s)} ago")
    return "  ".join(parts)


def facts(shown: Snapshot) -> list[tuple[str, str]]:
    """What is next, the newest rewards, the last error and alarm, and what could not be read."""
    found = []
    if shown.following:
        found.append(("next", shown.following))
    if shown.rewards:
        rewards = (
            f"{TITLES[role]} {first:.3f} -> {last:.3f} ({name})" for role, (name, first, last) in shown.rewards.items()
        )
        found.append(("reward, first -> last step", ", ".join(rewards)))
    if shown.error is not None:
        name, cause, log = shown.error
        found.append(("last error", f"{name}: {cause}; log: {log}"))
    if shown.alarm is not None:
        where, rule = shown.alarm.get("step_id", "?"), shown.alarm.get("rule", "?")
        found.append(("last alarm", f"{where} {rule}: {shown.alarm.get('sentence', '')}"))
    if shown.gone and not shown.finished:
        found.append(("note", shown.gone))
    found += [("note", note) for note in shown.notes]
    return [(title, one_line(text)) for title, text in found]  # causes and alarms quote what a stage wrote


def view(shown: Snapshot) -> Group:
    """The live view; fits a screen of 24 lines: finished iterations and those to come take one line each."""
    steps = Table.grid(padding=(0, 2))
    for status, name, spent in condensed(shown):
        style = STYLES.get(status, "")
        steps.add_row(Text(MARKS.get(status, "?"), style), Text(name, style), spent)
    parts: list = [Text(headline(shown), "bold"), steps, Text()]
    if shown.current is not None:
        if shown.current.total:
            parts.append(ProgressBar(total=shown.current.total, completed=shown.current.done, width=60))
            parts.append(Text())
        parts += [Text(f"{shown.current.id}: {current_line(shown)}"), Text()]
    table = Table.grid(padding=(0, 2))
    for title, text in facts(shown):
        style = "red" if title == "last error" else "yellow" if title == "last alarm" else ""
        table.add_row(Text(title, "dim"), Text(text, style))
    parts += [table, Text("Ctrl-C ends this view, not the run.", "dim")]
    return Group(*parts)


def condensed(shown: Snapshot) -> list[tuple[str, str, str]]:
    """(status, name, time spent): every step of a begun iteration, other iterations as one line."""
    iterations: dict[str, list[tuple[str, str]]] = {}
    for name, status in shown.steps:
        iterations.setdefault(name.partition("/")[0], []).append((name, status))
    rows = []
    for iteration, steps in iterations.items():
        statuses = {status for _, status in steps}
        if len(statuses) == 1 and statuses <= {"done", "waiting"}:
            spent = sum(shown.records[name].seconds for name, _ in steps if name in shown.records)
            rows.append((statuses.pop(), f"{iteration}, {len(steps)} steps", clock(spent) if spent else ""))
            continue
        for name, status in steps:
            spent = shown.records[name].seconds if name in shown.records else 0.0
            if shown.current is not None and shown.current.id == name:
                spent = shown.current.seconds
            rows.append((status, name, clock(spent) if spent else ""))
    return rows


def _live(run_dir: Path, shown: Snapshot) -> int:
    with Live(view(shown), console=Console(), auto_refresh=False, screen=False) as live:
        while not over(shown):
            time.sleep(INTERVAL_S)
            shown = look(run_dir)
            live.update(view(shown), refresh=True)
    return _ended(shown)


def _follow(run_dir: Path, shown: Snapshot) -> int:
    """One line per change: a step that began, ended or failed, its progress, an alarm."""
    print("\n".join(lines(shown)), flush=True)
    while not over(shown):
        time.sleep(INTERVAL_S)
        before, shown = shown, look(run_dir)
        for line in changed(before, shown):
            print(line, flush=True)
    return _ended(shown)


def over(shown: Snapshot) -> bool:
    """Nothing will change any more: the run is finished, or its loop is gone."""
    return shown.finished or bool(shown.gone)


def _ended(shown: Snapshot) -> int:
    if not shown.finished:
        print(f"{shown.run_dir}: the watch ends: {shown.gone}", flush=True)
    return 0


def changed(before: Snapshot, now: Snapshot) -> list[str]:
    """What is new since the last look, as lines."""
    found = []
    known = dict(before.steps)
    for name, status in now.steps:
        if status != known.get(name) and status != "waiting":
            found.append(f"{name}: {status}")
    if now.current is not None and (before.current is None or now.current.line != before.current.line):
        eta = "" if now.current.eta_s is None or now.current.unit == "rows" else f"  ETA {clock(now.current.eta_s)}"
        found.append(f"{now.current.id}: {now.current.line}{eta}")
    for title, text in facts(now):
        if title in ("last error", "last alarm") and (title, text) not in facts(before):
            found.append(f"{title}: {text}")
    if now.finished:
        found.append(headline(now))
    return found
