"""What a stage trains on and in which order: topics round-robin, epochs shuffled, resume exact."""

from collections import Counter
from types import SimpleNamespace

import pandas as pd
import pyarrow.parquet as pq
import pytest

from mmzero_rewards.config import RewardConfig
from mmzero_rewards.prompting import PromptTemplates
from recipe.mmzero.engine.collect.rows import training_row
from recipe.mmzero.engine.train.data.rows import row_weights, training_order, training_rows, with_replay
from recipe.mmzero.engine.train.data.topics import write_topic_rows
from recipe.mmzero.engine.train.stage import collected_rows, write_rows
from recipe.mmzero.settings import schema


def topics_of(path) -> list[str]:
    return [info["topic"] for info in pd.read_parquet(path)["extra_info"]]


def test_pictures_of_a_run_that_was_moved_are_those_beside_its_rows(tmp_path):
    rows = [
        training_row("solver", [], {"image": "images/a.png"}, ["/made/here/collect_solver/images/a.png"]),
        training_row("coder", [], {"image": None}),
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "train.parquet")
    assert list(collected_rows(tmp_path / "train.parquet")["images"]) == [[str(tmp_path / "images/a.png")], []]


# --- topics -----------------------------------------------------------------------------------------------------------


def test_topic_rows(tmp_path):
    topics = ["charts", "maps", "shapes"]
    path = tmp_path / "topics.parquet"
    assert write_topic_rows(path, topics, 10, seed=1, templates=PromptTemplates.default()) == 12, "whole rounds"
    rows = pq.read_table(path).to_pylist()
    assert [row["extra_info"]["index"] for row in rows] == list(range(12))
    stretches = [[row["extra_info"]["topic"] for row in rows[start : start + 3]] for start in (0, 3, 6, 9)]
    assert all(sorted(stretch) == topics for stretch in stretches), "round-robin"
    assert len({tuple(stretch) for stretch in stretches}) > 1, "each round has its own order"
    for row in rows:
        assert row["data_source"] == row["agent_name"] == "mmzero_proposer"
        assert row["extra_info"]["topic"] in row["prompt"][0]["content"] and row["images"] == []
    first = path.read_bytes()
    write_topic_rows(path, topics, 10, seed=1, templates=PromptTemplates.default())
    assert path.read_bytes() == first
    write_topic_rows(path, topics, 10, seed=2, templates=PromptTemplates.default())
    assert path.read_bytes() != first


@pytest.mark.parametrize("topics, rows", [([], 10), (["charts"], 0)])
def test_no_topics_or_rows_is_one_line(tmp_path, topics, rows):
    with pytest.raises(ValueError, match=rf"proposer rows: {len(topics)} topics, {rows} rows"):
        write_topic_rows(tmp_path / "topics.parquet", topics, rows, seed=1, templates=PromptTemplates.default())


@pytest.mark.parametrize(
    "topics, rows, steps, prompts_per_step",
    [
        (12, "null", 4, 6),  # the tiny profile's shape: every topic twice in 24 prompts
        (12, "48", 4, 6),
        (8, "1008", 20, 18),  # the method's
        (5, "7", 4, 6),  # rows that end inside a round
        (3, "1", 4, 4),
    ],
)
def test_topics_are_round_robin_in_training(tmp_path, topics, rows, steps, prompts_per_step):
    """B17: every topic is trained as often as the others, in every stretch of the stage."""
    train = {"rows": rows, "steps": steps, "prompts_per_step": prompts_per_step, "prompts_per_update": prompts_per_step}
    names = ",".join(f"t{i}" for i in range(topics))
    config = schema.load(
        [f"proposer.topics=[{names}]", *(f"proposer.train.{key}={value}" for key, value in train.items())]
    )
    write_rows(config, SimpleNamespace(role="proposer", iteration=1, step_dir=tmp_path, inputs=SimpleNamespace()))
    trained = topics_of(tmp_path / "rows.parquet")
    assert len(trained) == steps * prompts_per_step
    for end in range(1, len(trained) + 1):
        counts = Counter(trained[:end])
        assert max(counts.values()) - min(counts[f"t{i}"] for i in range(topics)) <= 1, f"after {end} prompts"


# --- epochs -----------------------------------------------------------------------------------------------------------


def test_every_epoch_holds_each_row_once_in_an_order_of_its_own():
    order = training_order(20, 60, seed=1)
    epochs = [order[start : start + 20] for start in (0, 20, 40)]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3 and list(range(20)) not in epochs
    assert order == training_order(20, 60, seed=1) != training_order(20, 60, seed=2)
    assert training_order(20, 30, seed=1) == order[:30], "a longer stage begins alike"


def test_without_a_seed_the_rows_stay_as_they_are():
    assert training_order(3, 7, seed=None) == [0, 1, 2, 0, 1, 2, 0]
    with pytest.raises(ValueError, match="no training rows"):
        training_order(0, 7, seed=None)


def test_index_is_the_position_so_that_a_row_used_twice_has_two_seeds():
    rows = pd.DataFrame({"prompt": ["a", "b"], "extra_info": [{"index": 7, "x": 1}, {"index": 8, "x": 2}]})
    chosen = training_rows(rows, 2, 3, seed=0)
    assert [info["index"] for info in chosen["extra_info"]] == list(range(6))
    assert [info["x"] for info in chosen["extra_info"]] == [1 if prompt == "a" else 2 for prompt in chosen["prompt"]]
    assert [info["index"] for info in rows["extra_info"]] == [7, 8], "the input is left alone"


# --- which rows, how often (docs/method.md §10) -------------------------------------------------------------------


def solver_rows(shares, name="now") -> pd.DataFrame:
    infos = [{"label_share": share, "name": f"{name}{k}", "index": k} for k, share in enumerate(shares)]
    models = [{"style": "rule", "ground_truth": str(k)} for k in range(len(infos))]
    return pd.DataFrame({"extra_info": infos, "reward_model": models})


def names(rows) -> list[str]:
    assert [info["index"] for info in rows["extra_info"]] == list(range(len(rows))), "the position seeds each roll-out"
    return [info["name"] for info in rows["extra_info"]]


def test_rows_are_used_as_often_as_their_rewards_differ():
    rows = solver_rows([0.0, 0.5, 0.1, 0.9, 1.0])
    weights = row_weights(rows, "variance", RewardConfig())
    assert weights == pytest.approx([0.0, 0.25, 0.09, 0.09, 0.0])
    used = Counter(names(training_rows(rows, 43, 10, 3, weights)))
    assert used == {"now1": 250, "now2": 90, "now3": 90}
    orders = [names(training_rows(rows, 2, 10, seed, weights)) for seed in (3, 3, 4)]
    assert orders[0] == orders[1] != orders[2] and orders[0] != sorted(orders[0])
    with pytest.raises(ValueError, match="no training row has a weight"):
        training_rows(solver_rows([0.0, 1.0]), 2, 10, 3, [0.0, 0.0])


@pytest.mark.parametrize(
    ("source", "label", "answers", "margin"),
    [
        ("vote", "3", {"hard_votes": ["3", "3.0", "3", "4", None]}, 0.4),
        ("vote", "3", {"hard_votes": ["3", "4", None, None]}, 0.0),  # a tie teaches nothing
        ("caption", "4", {"hard_votes": ["3", "3", "3"], "text_votes": ["4", "4", "4", "unknown", "3"]}, 0.4),
        ("program", "4", {"hard_votes": ["4"], "program_answers": ["4", "5", "5", ""]}, 0.0),  # never below 0
        ("program", "4", {"hard_votes": ["5"], "program_answers": ["4", None]}, 0.5),
    ],
)
def test_rows_are_used_as_often_as_their_label_leads(source, label, answers, margin):
    info = {"label_source": source, "label": label, "label_share": 0.3, **answers}
    assert row_weights(pd.DataFrame({"extra_info": [info]}), "margin", RewardConfig()) == pytest.approx([margin])
    assert row_weights(pd.DataFrame({"extra_info": [info]}), "uniform", RewardConfig()) is None


def test_replay_takes_its_share_from_earlier_iterations():
    now = training_rows(solver_rows([0.5] * 10), 2, 10, 1)
    mixed = names(with_replay(now, solver_rows([0.5] * 4, "old"), 0.3, 20, 1))
    assert Counter(name[:3] for name in mixed) == {"now": 14, "old": 6}
    assert set(Counter(name for name in mixed if name.startswith("old")).values()) == {1, 2}, "each as often"
    assert mixed != sorted(mixed, key=lambda name: name.startswith("old")), "mixed, not at the end"
    assert names(with_replay(now, solver_rows([]), 0.3, 20, 1)) == names(now), "iteration 1 has none: as without replay"
    assert [name for name in mixed if name.startswith("now")] == names(now)[:14], "the others keep their order"
    assert (
        len({tuple(names(with_replay(now, solver_rows([0.5] * 4, "old"), 0.3, 20, seed))) for seed in (1, 2, 2)}) == 2
    )


def test_replayed_rows_are_used_as_often_as_their_weights_say():
    now = training_rows(solver_rows([0.5] * 10), 2, 10, 1)
    old = solver_rows([1.0, 0.5, 0.9], "old")
    weights = row_weights(old, "variance", RewardConfig())
    assert not [name for name in names(with_replay(now, old, 0.5, 20, 1, weights)) if name == "old0"]
    assert names(with_replay(now, old, 0.5, 20, 1, [0.0, 0.0, 0.0])) == names(now), "no tie is replayed"


def test_a_stage_replays_the_rows_of_all_earlier_iterations(tmp_path):
    for number in (1, 2, 3):
        folder = tmp_path / f"iter_0{number}" / "collect_solver"
        folder.mkdir(parents=True)
        rows = solver_rows([0.5] * 8, f"iteration{number}-").assign(images=[[] for _ in range(8)])
        rows.to_parquet(folder / "train.parquet")
    small = ["solver.train.prompts_per_step=8", "solver.train.prompts_per_update=8", "stage.steps=5"]
    config = schema.load(["model=tiny", "hardware=cpu", "solver.replay=0.5", *small])
    step = SimpleNamespace(role="solver", iteration=3, step_dir=str(tmp_path / "iter_03" / "solver"))
    step.inputs = SimpleNamespace(data=str(tmp_path / "iter_03" / "collect_solver" / "train.parquet"))
    (tmp_path / "iter_03" / "solver").mkdir()
    write_rows(config, step)
    found = names(pd.read_parquet(tmp_path / "iter_03" / "solver" / "rows.parquet"))
    used = Counter(name.partition("-")[0] for name in found)
    assert used["iteration3"] == 20 and min(used["iteration1"], used["iteration2"]) > 0 and len(found) == 40
    write_rows(schema.load([*small, "solver.replay=0.5", "solver.label_mode=shuffled"]), step)
    dealt = pd.read_parquet(tmp_path / "iter_03" / "solver" / "rows.parquet")
    own = [info["name"].partition("-")[2] for info in dealt["extra_info"]]  # a row's silver label is its number
    false = [name != model["ground_truth"] for name, model in zip(own, dealt["reward_model"], strict=True)]
    replayed = [not info["name"].startswith("iteration3") for info in dealt["extra_info"]]
    assert any(false[k] for k in range(40) if replayed[k]), "the control's labels are dealt anew in replayed rows, too"
    shares = pd.DataFrame(rows).assign(extra_info=[info | {"label_share": 1.0} for info in rows["extra_info"]])
    shares.to_parquet(tmp_path / "iter_03" / "collect_solver" / "train.parquet")
    with pytest.raises(ValueError, match="0 training rows, fewer than one update of 8"):
        write_rows(schema.load([*small, "solver.row_sampling=variance"]), step)
    rows.to_parquet(tmp_path / "iter_03" / "collect_solver" / "train.parquet")
    (tmp_path / "iter_01" / "collect_solver" / "train.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"solver\.replay needs .*iter_01"):
        write_rows(config, step)
