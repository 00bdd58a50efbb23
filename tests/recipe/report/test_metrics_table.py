"""report/METRICS.md names what a training step logs: every name in it is emitted, and every emitted name is in it."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from mmzero_rewards import Proposal
from mmzero_rewards.config import RewardConfig
from mmzero_rewards.scoring.inputs import CoderEvidence, Drawing, ProposerEvidence, SolverEvidence
from mmzero_rewards.scoring.roles import score_coder, score_proposer, score_solver
from mmzero_rewards.scoring.verified import TextView
from recipe.mmzero.engine.train.batch import Row, finish, length_metrics
from recipe.mmzero.report.alarms.rules import RULES

TABLE = Path(__file__).resolve().parents[3] / "recipe" / "mmzero" / "report" / "METRICS.md"
STATISTICS = ("mean", "min", "max", "std", "n")
FLAGS = {"dropped": 0.0, "peer_failures": 0.0, "render_failures": 0.0, "evidence_s": 1.5}  # managers.py adds them
CONFIG = RewardConfig.from_dict({"proposer": {"diversity": {"memory": 1}}, "verify": {"caption": True}})
VIEW = TextView(("12", "12", "3"), ("5", "5", "5"))
WELLS = Proposal("map", "A plan of wells", "How many wells?", "12", "How many lie north of the road?", "5")
TRAMS = Proposal("table", "A table of trams", "How many trams?", "3", "How many more run on line two?", "1")


def drawing(rendered: bool = True) -> Drawing:
    return Drawing(rendered, ("12", "3"), ("5", "1", "5"), "ok", ("wells", "12"), ("12", "5"))


def proposer(proposal: Proposal) -> tuple[dict, dict]:
    text = "\n".join(f"<{name}>{value}</{name}>" for name, value in asdict(proposal).items())
    evidence = ProposerEvidence(text, (drawing(), drawing(False)), ("5", None), VIEW)
    drawings = [{"status": "ok", "picture_hash": f"{k:064x}"} for k in (0, 1)]
    return score_proposer(evidence, CONFIG), {"proposal": asdict(proposal), "drawings": drawings}


def coder(proposal: Proposal) -> tuple[dict, dict]:
    evidence = CoderEvidence("```svg\n<svg/>\n```", proposal, drawing(), VIEW)
    drawings = [{"status": "ok", "picture_hash": f"{len(proposal.caption):064x}"}]
    return score_coder(evidence, CONFIG), {"proposal": asdict(proposal), "drawings": drawings}


def solver(proposal: Proposal) -> tuple[dict, dict]:
    evidence = SolverEvidence("<think>so</think>\\boxed{5}", proposal.hard_answer)
    return score_solver(evidence), {"answer": "5", "label": proposal.hard_answer}


def emitted(role: str) -> set[str]:
    """Names that `batch.finish` gives for two hand-made groups of two, all components finite."""
    make = {"proposer": proposer, "coder": coder, "solver": solver}[role]
    rows = []
    for k, proposal in enumerate((WELLS, TRAMS, WELLS, TRAMS)):
        terms, sample = make(proposal)
        rows.append(Row(k, k, f"group{k // 2}", k % 2, False, terms | FLAGS, sample))
    of_batch = finish(rows, role, CONFIG, memory=[WELLS] if role == "proposer" else ()).metrics
    return set(of_batch | length_metrics(role, [[5, 6], [5]], 2, 0))


def documented(role: str) -> set[str]:
    """Names of the role's tables; `name/*` stands for the statistics of a component."""
    names = set()
    for line in TABLE.read_text().splitlines():
        cell = re.match(r"\| `([^`]+)` \|", line)
        if not cell or not re.match(rf"mmzero/(<role>|{role})/", cell[1]):
            continue
        name = cell[1].replace("<role>", role)
        fields = ("caption", "easy_question", "hard_question") if "<field>" in name else ("",)
        for field in fields:
            full = name.replace("<field>", field)
            names |= {full.replace("/*", f"/{s}") for s in STATISTICS} if full.endswith("/*") else {full}
    return names


@pytest.mark.parametrize("role", ["proposer", "coder", "solver"])
def test_table_and_code_agree(role):
    assert sorted(emitted(role) - documented(role)) == []  # nothing undocumented
    assert sorted(documented(role) - emitted(role)) == []  # nothing invented


def test_alarms_read_documented_names():
    """The metric names inside the alarm rules are those that a stage logs, ours or verl's."""
    source = "".join((TABLE.parent / "alarms" / f"{name}.py").read_text() for name in ("rules", "measures"))
    text = TABLE.read_text()
    own = re.findall(r'"mmzero/\{role\}/([\w/]+)"', source)
    assert len(own) >= 8
    everything = set().union(*(emitted(role) for role in ("proposer", "coder", "solver")))
    for name in own:
        assert any(full.partition("/")[2].partition("/")[2] == name for full in everything), name
    for name in set(re.findall(r'"((?:actor|critic|training|response_length)/[\w/]+)"', source)):
        assert f"`{name}`" in text, name


def test_every_alarm_is_in_the_table():
    text = TABLE.read_text()
    for rule in RULES:
        assert f"| `{rule.name}` | `alarms.{rule.key}` |" in text


def test_what_the_table_says_of_verls_clip_ratio():
    """Four responses of five tokens each: as long as the longest of the batch, so all of them count."""
    utils = pytest.importorskip("verl.trainer.ppo.metric_utils")
    import torch
    from verl import DataProto

    batch = {name: torch.zeros(4, 5) for name in ("token_level_scores", "token_level_rewards", "advantages", "returns")}
    batch |= {name: torch.ones(4, 5, dtype=torch.long) for name in ("prompts", "responses", "response_mask")}
    batch |= {"prompt_length": torch.full((4,), 5.0), "response_length": torch.full((4,), 5.0)}
    assert utils.compute_data_metrics(DataProto.from_dict(batch), False)["response_length/clip_ratio"] == 1.0
    assert length_metrics("solver", batch["responses"].tolist(), 64, 0) == {"mmzero/solver/cut_off": 0.0}
