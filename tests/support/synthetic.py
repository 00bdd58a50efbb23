"""Run folders as the loop writes them, with known numbers: healthy, or with one fault.

`make_run(folder)` is healthy; `make_run(folder, fault="leak")` has that one fault and is healthy otherwise. Pictures
are real: SVG drawn by CairoSVG. Everything is seeded.
"""

import dataclasses
import functools
import json
import os
import random
import re
from pathlib import Path

import cairosvg
import yaml
from omegaconf import OmegaConf

from mmzero_rewards.scoring.labels import label_row
from recipe.mmzero.engine.collect.rows import DRAWINGS, LABELS, PROPOSALS, write_parquet
from recipe.mmzero.run.plan import STAGES
from recipe.mmzero.run.record.journal import Journal, Record
from recipe.mmzero.settings import schema

KINDS = ("data_chart", "diagram", "geometry", "timeline", "map", "table", "other")
INK = ("#2f6db3", "#d98a1f", "#2a9070", "#b0486a", "#6a5fb0", "#87909c")
SUBJECTS = ("reef survey", "kiln batches", "tram depots", "glacier cores", "orchard rows", "bell tower chimes")
FAULTS = {
    # fault -> the alarm it must raise, and nothing else
    "leak": "leak",
    "blind": "blind",
    "blank": "blank",
    "render": "render_collapse",
    "starved": "starvation",
    "below_target": "below_target",
    "easy": "too_easy",
    "hard": "too_hard",
    "labels_easy": "labels_too_easy",
    "one_type": "content_collapse",
    "entropy": "policy_collapse",
    "labels": "label_disagreement",
    "kl": "kl",
    "mismatch": "engine_mismatch",
    "difference": "engine_difference",
    "clipped": "clipping",
    "peers": "peer_failures",
    "flat": "no_signal",
    "ill_posed": "well_posed",
    "unfaithful": "faithful",
    "false_labels": "label_true",
}


@dataclasses.dataclass(frozen=True)
class Shape:
    """How large a run: GRPO steps, dumped roll-outs per step, rows per collection."""

    iterations: int = 2
    steps: int = 6
    samples: int = 12
    rows: int = 40
    pictures: int = 24


def make_run(folder: Path, fault: str | None = None, seed: int = 0, shape: Shape | None = None) -> Path:
    """Write a run folder; returns it."""
    shape = shape or Shape()
    dice = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    write_state(folder, shape)
    write_config(folder, seed, shape)
    for iteration in range(1, shape.iterations + 1):
        late = fault if iteration == shape.iterations else None
        base = folder / f"iter_{iteration:02d}"
        names = draw_pictures(base / "collect_solver" / "images", dice, shape.pictures)
        for role in ("proposer", "coder", "solver"):
            write_training(base / role, role, iteration, late, dice, shape, names)
        write_collection(base / "collect_coder", "coder", iteration, late, dice, shape, names)
        write_collection(base / "collect_solver", "solver", iteration, late, dice, shape, names)
    return folder


@functools.cache
def default_config() -> str:
    return OmegaConf.to_yaml(schema.load(["model=tiny", "hardware=cpu"]), resolve=True)


def write_config(folder: Path, seed: int, shape: Shape) -> None:
    config = yaml.safe_load(default_config())
    config["seed"], config["run_dir"] = seed, str(folder)
    config["evolution"]["iterations"] = shape.iterations
    config["stage"]["steps"] = shape.steps
    for role in ("proposer", "coder", "solver"):
        config[role]["train"]["steps"] = shape.steps
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


VERSIONS = {"mmzero": "0.1.0", "verl": "0.9.1"}


def write_state(folder: Path, shape: Shape) -> None:
    """A journal in which every step is done."""
    with Journal(folder) as journal:
        for iteration in range(1, shape.iterations + 1):
            for k, stage in enumerate(STAGES):
                begun = 1.7e9 + 3600 * iteration + 600 * k
                record = Record("done", attempts=1, started=begun, ended=begun + 500, seconds=500.0, versions=VERSIONS)
                journal.records[f"iter_{iteration:02d}/{stage}"] = record
        journal.save()


def svg(kind: str, dice: random.Random, title: str, width: int = 480, height: int = 360) -> str:
    """A small drawing of a content type."""
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">']
    parts.append(f'<text x="20" y="30" font-size="18" font-family="sans-serif" fill="#223">{title}</text>')
    count = dice.randint(4, 7)
    if kind in ("data_chart", "other"):
        for k in range(count):
            value = dice.randint(30, 230)
            x = 40 + k * 58
            parts.append(f'<rect x="{x}" y="{320 - value}" width="38" height="{value}" fill="{INK[k % 6]}"/>')
            parts.append(f'<text x="{x + 8}" y="338" font-size="13" fill="#445">{chr(65 + k)}{value}</text>')
        parts.append('<line x1="30" y1="320" x2="460" y2="320" stroke="#333" stroke-width="2"/>')
    elif kind in ("diagram", "timeline"):
        for k in range(count):
            x = 20 + k * 64
            y = 170 if kind == "timeline" else dice.randint(80, 260)
            parts.append(f'<line x1="{x + 24}" y1="{y + 20}" x2="{x + 88}" y2="190" stroke="#777" stroke-width="2"/>')
            parts.append(f'<rect x="{x}" y="{y}" width="50" height="38" rx="6" fill="{INK[k % 6]}"/>')
            parts.append(f'<text x="{x + 16}" y="{y + 25}" font-size="15" fill="#fff">{dice.randint(1, 99)}</text>')
    elif kind == "geometry":
        radius = dice.randint(60, 110)
        parts.append(f'<circle cx="200" cy="200" r="{radius}" fill="none" stroke="{INK[0]}" stroke-width="4"/>')
        parts.append(
            f'<path d="M90 310 L200 {200 - radius} L330 300 Z" fill="{INK[1]}" fill-opacity=".4" stroke="#333"/>'
        )
        parts.append(f'<text x="205" y="205" font-size="16">r = {radius}</text>')
    else:
        for row in range(count):
            for column in range(4):
                x, y = 30 + column * 105, 55 + row * 40
                shade = "#dfe7f1" if kind == "table" else INK[(row * column + row) % 6]
                parts.append(f'<rect x="{x}" y="{y}" width="100" height="35" fill="{shade}" stroke="#667"/>')
                parts.append(f'<text x="{x + 34}" y="{y + 24}" font-size="15">{dice.randint(1, 400)}</text>')
    return "\n".join([*parts, "</svg>"])


def draw_pictures(folder: Path, dice: random.Random, count: int) -> list[tuple[str, str, str]]:
    """(file name, content type, code) of pictures that exist in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for k in range(count):
        kind = KINDS[k % len(KINDS)]
        code = svg(kind, dice, f"{SUBJECTS[k % 6]} {k}")
        name = f"{dice.getrandbits(64):016x}.png"
        cairosvg.svg2png(code.encode(), write_to=str(folder / name), output_width=480, background_color="white")
        drawn.append((name, kind, code))
    return drawn


def proposal(kind: str, dice: random.Random) -> dict[str, str]:
    subject = dice.choice(SUBJECTS)
    return {
        "content_type": kind,
        "caption": f"A {kind.replace('_', ' ')} of the {subject}: {dice.randint(4, 7)} labelled groups in distinct "
        "colours, an annotation on the largest one, a baseline and a derived total written beside the title.",
        "easy_question": "Which group is the largest?",
        "easy_answer": "C",
        "hard_question": f"By how much does the largest group of the {subject} exceed the mean of the other groups?",
        "hard_answer": str(dice.randint(10, 90)),
    }


def votes(dice: random.Random, right: str, count: int, rate: float) -> list[str | None]:
    return [right if dice.random() < rate else dice.choice(["7", "B", "41", None]) for _ in range(count)]


def write_training(folder, role, iteration, fault, dice, shape, names) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "metrics.jsonl").open("w") as out:
        for step in range(1, shape.steps + 1):
            data = metrics(role, iteration, step, fault, dice)
            out.write(json.dumps({"step": step, "data": data}) + "\n")
    (folder / "summary.json").write_text(json.dumps({"steps": shape.steps}))
    images = folder / "samples" / "images"
    images.mkdir(parents=True, exist_ok=True)
    source = folder.parent / "collect_solver" / "images"
    for name, _, _ in names:
        if role != "solver":
            os.link(source / name, images / name)
    for step in range(1, shape.steps + 1):
        with (folder / "samples" / f"{step:06d}.jsonl").open("w") as out:
            for k in range(shape.samples):
                out.write(json.dumps(sample(role, iteration, step, k, fault, dice, names)) + "\n")


def metrics(role, iteration, step, fault, dice) -> dict[str, float]:
    """One line of metrics.jsonl; the last third of the stage has the fault."""
    near = lambda value, by=0.02: value + dice.uniform(-by, by)  # noqa: E731
    reward = {"proposer": 0.2, "coder": 1.4, "solver": 0.5}[role] + 0.03 * step + 0.05 * iteration
    data = {
        "actor/kl_loss": 0.002 * step,
        "actor/entropy": 0.8 - 0.01 * step,
        "actor/grad_norm": near(0.6, 0.2),
        "critic/score/mean": reward,
        "response_length/mean": near(300, 40),
        "response_length/clip_ratio": 0.4,  # verl: as long as the longest of the batch, which means nothing
        "training/rollout_actor_probs_pearson_corr": 0.999,
        "training/rollout_probs_diff_mean": 0.004,
        "timing_s/gen": near(40, 4),
        "timing_s/old_log_prob": 6.0,
        "timing_s/ref": 5.0,
        "timing_s/update_actor": near(22, 2),
        "timing_s/update_weights": 3.0,
        "timing_s/step": 90.0,
        "perf/total_num_tokens": 72 * 700,
        f"mmzero/{role}/reward/mean": reward + dice.uniform(-0.04, 0.04),
        f"mmzero/{role}/reward/std": 0.4,
        f"mmzero/{role}/rollouts": 72.0,
        f"mmzero/{role}/cut_off": 0.03,
        f"mmzero/{role}/dropped_fraction": 0.0,
        f"mmzero/{role}/zero_variance_groups": 0.2,
        f"mmzero/{role}/format_valid": 0.95,
    }
    if role == "solver":
        data["mmzero/solver/accuracy"] = near(0.6)
    else:
        data |= {f"mmzero/{role}/solvability": near(0.65), f"mmzero/{role}/difficulty": near(0.3)}
        consistency = "mean_hard_consistency" if role == "proposer" else "hard_consistency"
        data |= {
            f"mmzero/{role}/render_rate": near(0.8),
            f"mmzero/{role}/leak/mean": 0.02,
            f"mmzero/{role}/pictures/blank": 0.01,
            f"mmzero/{role}/{consistency}/mean": near(0.55),
        }
    if role == "proposer":
        data |= {
            "mmzero/proposer/blind_rate/mean": 0.2,
            "mmzero/proposer/batch/content_entropy": near(0.7),
            "mmzero/proposer/num_codes/mean": 4.0,
        }
    if role == "coder":
        data["mmzero/coder/has_code/mean"] = 0.97
    late = fault if step > 3 else None
    wrong = {
        ("leak", "coder"): {"mmzero/coder/leak/mean": 0.4},
        ("blind", "proposer"): {"mmzero/proposer/blind_rate/mean": 0.8},
        ("blank", "coder"): {"mmzero/coder/pictures/blank": 0.3},
        ("render", "coder"): {"mmzero/coder/render_rate": 0.05},
        ("easy", "proposer"): {"mmzero/proposer/mean_hard_consistency/mean": 0.93},
        ("hard", "proposer"): {"mmzero/proposer/mean_hard_consistency/mean": 0.1},
        ("one_type", "proposer"): {"mmzero/proposer/batch/content_entropy": 0.05},
        ("entropy", "solver"): {"actor/entropy": 0.01},
        ("kl", "coder"): {"actor/kl_loss": 3.0},
        ("mismatch", "solver"): {
            "training/rollout_actor_probs_pearson_corr": 0.6,
            "training/rollout_probs_diff_mean": 0.04,
        },
        ("difference", "solver"): {"training/rollout_probs_diff_mean": 0.3},
        ("clipped", "solver"): {"mmzero/solver/cut_off": 0.7},
        ("peers", "proposer"): {"mmzero/proposer/dropped_fraction": 0.04},
        ("flat", "solver"): {"mmzero/solver/zero_variance_groups": 1.0},
    }
    return data | wrong.get((late, role), {})


def sample(role, iteration, step, k, fault, dice, names) -> dict:
    """One line of samples/*.jsonl."""
    name, kind, code = names[dice.randrange(len(names))]
    if fault == "one_type":
        kind = "data_chart"
    fields = proposal(kind, dice)
    record = {
        "id": f"{iteration:02d}-{role}-{step}-{k // 4:04x}-{k % 4}",
        "iteration": iteration,
        "role": role,
        "step": step,
        "uid": f"{k // 4:04x}",
        "sample": k % 4,
        "prompt": f"Topic: {dice.choice(SUBJECTS)}. Write six blocks.",
        "response": "",
        "status": "ok",
        "proposal": fields,
        "drawings": [],
        "label": None,
        "answer": None,
        "image": None,
    }
    if role == "solver":
        right = dice.random() < 0.6
        answer = fields["hard_answer"] if right else "12"
        return record | {
            "proposal": None,
            "prompt": f"{fields['hard_question']}\n\nLook carefully at the picture.",
            "response": f"<think>The largest is C.</think>\\boxed{{{answer}}}",
            "image": f"images/{name}",
            "label": fields["hard_answer"],
            "answer": answer,
            "score": 0.9 * right + 0.1,
            "terms": {"score": 0.9 * right + 0.1, "format": 1.0, "accuracy": float(right), "answered": 1.0},
        }
    tags = "\n".join(f"<{tag}>{value}</{tag}>" for tag, value in fields.items())
    record["response"] = tags if role == "proposer" else f"```svg\n{code}\n```"
    if role == "proposer" and dice.random() < 0.06:
        broken = {"status": "format_error", "proposal": None, "score": -1.0, "failure": "<hard_answer> is not closed"}
        return record | broken | {"response": tags[:-9], "terms": {"score": -1.0, "format_ok": 0.0}}
    record["drawings"] = [drawing(name, code, fields, fault, dice) for _ in range(4 if role == "proposer" else 1)]
    drawn = [one for one in record["drawings"] if one["status"] == "ok"]
    leaks = float(role == "coder" and dice.random() < (0.4 if fault == "leak" else 0.03))
    s, c = dice.choice([0.2, 0.6, 0.8, 1.0]), dice.choice([0.4, 0.6, 0.6, 0.8, 1.0])
    d = min(c, 1 - c)
    if role == "proposer":
        share = len(drawn) / 4
        r_eh, r_ct, r_div = (-0.3 if d < 0.15 else 0.0), dice.choice([0.0, -0.05]), dice.choice([0.0, -0.11])
        score = share * (min(s, 0.5) + d) + r_eh + r_ct + r_div
        terms = {"format_ok": 1.0, "num_codes": 4.0, "num_rendered": float(len(drawn)), "render_rate": share}
        terms |= {"mean_solvability": s, "mean_difficulty": d, "mean_hard_consistency": c, "r_eh": r_eh}
        terms |= {"r_ct": r_ct, "r_div": r_div, "blind_penalty": 0.0}
    else:
        score = 1 + s + d - 0.3 * leaks if drawn else -0.1
        record["status"] = record["drawings"][0]["status"]
        terms = {"render": float(bool(drawn)), "solvability": s, "difficulty": d, "hard_consistency": c}
        terms |= {"has_code": 1.0, "leak": leaks, "leak_penalty": 0.3 * leaks}
    return record | {"score": score, "terms": terms | {"score": score}}


def drawing(name, code, fields, fault, dice) -> dict:
    failing = dice.random()
    status = "ok" if failing > 0.18 else dice.choice(["syntax_error", "runtime_error", "timeout", "too_large"])
    if fault == "blank" and failing > 0.5:
        status = "blank"
    ok = status == "ok"
    return {
        "status": status,
        "code": code,
        "language": "svg",
        "image": f"images/{name}" if ok else None,
        "drawn_text": re.findall(r">([^<>\n]+)</text>", code) if ok else [],
        "easy_votes": votes(dice, fields["easy_answer"], 5, 0.7) if ok else [],
        "hard_votes": votes(dice, fields["hard_answer"], 5, 0.5) if ok else [],
    }


def write_collection(folder, role, iteration, fault, dice, shape, names) -> None:
    """The tables and summary.json of a collection. The summary is of a larger one, whose numbers the fault decides."""
    folder.mkdir(parents=True, exist_ok=True)
    if role == "coder":
        draw_from = folder.parent / "collect_solver" / "images"
        (folder / "images").mkdir(exist_ok=True)
        for name, _, _ in names:
            os.link(draw_from / name, folder / "images" / name)
    write_tables(folder, [row(role, iteration, index, dice, names) for index in range(shape.rows)])
    if role == "solver":
        write_truth(folder, fault)
    attempts, target = (2000, 400) if role == "coder" else (1000, None)
    accepted = 400 if role == "coder" else 330
    rejected = {"render_rate_above_window": 1400, "format_caption_is_missing": 200}
    if role == "solver":
        rejected = {"too_easy": 300, "too_hard": 140, "easy_accuracy": 180, "render_timeout": 50}
    codes = attempts * (4 if role == "coder" else 1)
    summary = {"status/ok": int(codes * 0.85), "status/blank": int(codes * 0.01), "label_agrees": 0.55, "leak": 0.03}
    summary |= {"render_rate": 0.85, "blind_rate": 0.25, "dropped": 0, "format_valid": 0.95}
    if fault == "starved" and role == "coder":
        accepted, attempts = 400, 13200
        rejected = {"render_rate_above_window": 12800}
    if fault == "below_target" and role == "coder":
        accepted, target = 120, 400
        rejected["render_rate_above_window"] = 1680
    if role == "solver":
        if fault == "labels_easy":
            accepted, rejected = 100, {"too_easy": 700, "too_hard": 100}
        if fault == "labels":
            summary["label_agrees"] = 0.1
    summary |= {"accepted": accepted, "attempts": attempts, "target": target, "rejected": rejected, "codes": codes}
    (folder / "summary.json").write_text(json.dumps(summary))
    with (folder / "progress.jsonl").open("w") as out:
        for k in range(5):
            line = {"time": 1.7e9 + 60 * k, "done": k, "total": 4, "requests": {"drawn": codes * k // 4}}
            out.write(json.dumps(line) + "\n")


def write_tables(folder: Path, rows: list[tuple[dict, list[dict], dict | None]]) -> None:
    """proposals.parquet, drawings.parquet and, of a Solver collection, labels.parquet; rows: see `row`."""
    write_parquet(folder / "proposals.parquet", PROPOSALS, [one for one, _, _ in rows])
    write_parquet(folder / "drawings.parquet", DRAWINGS, [one for _, drawn, _ in rows for one in drawn])
    if folder.name == "collect_solver":
        write_parquet(folder / "labels.parquet", LABELS, [judged for _, _, judged in rows if judged is not None])


def write_truth(folder: Path, fault: str | None) -> None:
    """truth.json of a Solver collection, of 48 rows."""
    shares = {name: 0.1 if FAULTS.get(fault) == name else 0.5 for name in ("well_posed", "faithful", "label_true")}
    (folder / "truth.json").write_text(json.dumps({name: ones(share, 48) for name, share in shares.items()}))


def ones(share: float, count: int) -> list[float]:
    """`count` values, the first ones 1 and the rest 0."""
    return [float(k < round(share * count)) for k in range(count)]


RATES = {
    "solver": {"easy_right": 0.5, "hard_right": 0.3},
    "coder": {"draws": 0.75, "faithful": 0.45},
    "proposer": {"valid": 0.75, "well_posed": 0.6, "easy_true": 0.5, "hard_true": 0.3},
}


def write_held_out(run: Path, points: dict[int, dict[str, float]], items: int = 120) -> None:
    """held_out.json of a run. points: iteration (0: the base) -> `role/name` -> share where it is not that of `RATES`;
    iterations also have rows, half of them right in every way."""
    found = []
    for iteration, changed in points.items():
        values: dict[str, dict] = {role: {} for role in RATES}
        for role, names in RATES.items():
            for name, share in names.items():
                values[role][name] = ones(changed.get(f"{role}/{name}", share), items)
        if iteration:
            truths = ("well_posed", "faithful", "label_true")
            values["rows"] = {name: ones(changed.get(f"rows/{name}", 0.5), 48) for name in truths}
        found.append({"iteration": iteration, "values": values, "whole": {"proposer": {"type_entropy": 1.1}}})
    (run / "held_out.json").write_text(json.dumps({"items": items, "points": found}))


def row(role, iteration, index, dice, names) -> tuple[dict, list[dict], dict | None]:
    """Of one proposal: its row of proposals.parquet, its drawings, and its row of labels.parquet."""
    name, kind, code = names[dice.randrange(len(names))]
    fields = proposal(kind, dice)
    identity = f"{iteration:02d}-{role}-{index:06d}"
    text = "\n".join(f"<{tag}>{value}</{tag}>" for tag, value in fields.items())
    origin = {"proposal_id": identity, "iteration": iteration, "topic": dice.choice(SUBJECTS), "seed": index}
    record = origin | fields | {"format_ok": True, "raw_text": text, "reject_reason": ""}
    drawings = [drawing(name, code, fields, None, dice) for _ in range(4 if role == "coder" else 1)]
    drawings = [
        {column: one.get(column) for column in DRAWINGS.names} | {"proposal_id": identity, "code_id": f"{identity}-{k}"}
        for k, one in enumerate(drawings)
    ]
    drawn = [one for one in drawings if one["status"] == "ok"]
    if role == "coder":
        if len(drawn) in (0, 4):
            record["reject_reason"] = f"render_rate_{'above' if drawn else 'below'}_window"
        return record, drawings, None
    if not drawn:
        return record | {"reject_reason": "render_" + drawings[0]["status"]}, drawings, None
    easy = votes(dice, fields["easy_answer"], 10, 0.85)
    hard = votes(dice, fields["hard_answer"], 10, dice.choice([0.3, 0.5, 0.7, 0.95]))
    blind = votes(dice, fields["hard_answer"], 10, 0.2) if index % 10 == 0 else None
    label = label_row(easy, hard, fields["easy_answer"], fields["hard_answer"])
    judged = {name: getattr(label, name) for name in LABELS.names if hasattr(label, name)} | {
        "proposal_id": identity,
        "code_id": drawings[0]["code_id"],
        "easy_votes": easy,
        "hard_votes": hard,
        "leak": False,
        "blind_votes": blind,
        "blind_rate": None if blind is None else sum(vote == label.label for vote in blind) / 10,
    }
    return record | {"reject_reason": label.reason}, drawings, judged
