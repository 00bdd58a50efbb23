"""Shards, ledger, scheduler, seeds and parquet schemas of the collection, each alone. The pipeline: test_collect.py."""

import asyncio
import json
import random
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mmzero.engine.collect import CollectError
from recipe.mmzero.engine.collect.flow.ledger import Ledger
from recipe.mmzero.engine.collect.flow.progress import Progress
from recipe.mmzero.engine.collect.flow.shards import ShardStore, claim
from recipe.mmzero.engine.collect.flow.stream import in_order
from recipe.mmzero.engine.collect.roles import Roles
from recipe.mmzero.settings.seeds import derive_seed

# --- seeds ------------------------------------------------------------------------------------------------------------


def test_seed_is_fixed_forever():
    assert derive_seed(0, 1, "collect_coder/propose", 7) == 1251946123, "changing this breaks resume of every old run"


def test_seeds_differ_in_every_coordinate():
    base = (0, 1, "a", 2, 3)
    others = [(1, 1, "a", 2, 3), (0, 2, "a", 2, 3), (0, 1, "b", 2, 3), (0, 1, "a", 3, 3), (0, 1, "a", 2, 4)]
    assert len({derive_seed(*key) for key in [base, *others]}) == 6
    assert derive_seed(1, 11, "a", 0) != derive_seed(11, 1, "a", 0)  # no run-together digits


# --- shards -----------------------------------------------------------------------------------------------------------


def stored(folder, **kwargs):
    store = ShardStore(folder, "rows", **kwargs)
    return store, {record["index"]: record for record in store.load()}


def test_shards_return_what_was_flushed(tmp_path):
    store, found = stored(tmp_path, rows_per_shard=3)
    assert found == {}
    for index in [4, 0, 2, 1, 9]:  # any order; the last two wait for the next shard
        store.add({"index": index, "text": "ü\ud800\n" * index})
    assert [4 in store, 0 in store, 2 in store, 1 in store] == [True, True, True, False]
    again, found = stored(tmp_path)
    assert sorted(found) == [0, 2, 4], "an unflushed row was never promised"
    store.flush()
    again, found = stored(tmp_path)
    assert sorted(found) == [0, 1, 2, 4, 9]
    assert again.read(9)["text"] == "ü\ud800\n" * 9
    with pytest.raises(KeyError):
        again.read(3)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-5],  # torn tail
        lambda data: data[: len(data) // 2],  # half the file
        lambda data: b"",  # emptied by a power cut
        lambda data: data.replace(b"row 5", b"row X"),  # flipped content
        lambda data: b"\x00" * len(data),  # zeroed block
        lambda data: data.splitlines(keepends=True)[0],  # footer lost
        lambda data: data + b"{}\n",  # something appended
    ],
)
def test_damaged_shard_is_set_aside_and_its_rows_are_missing(tmp_path, damage):
    store, _ = stored(tmp_path, rows_per_shard=2)
    for index in range(8):
        store.add({"index": index, "text": f"row {index}"})
    victim = tmp_path / "rows_00000004.jsonl"
    victim.write_bytes(damage(victim.read_bytes()))
    again, found = stored(tmp_path, rows_per_shard=2)
    assert sorted(found) == [0, 1, 2, 3, 6, 7]
    assert again.damaged == ["rows_00000004.jsonl"] and (tmp_path / "rows_00000004.damaged").exists()
    for index in (4, 5):
        again.add({"index": index, "text": f"row {index}"})
    assert sorted(stored(tmp_path)[1]) == list(range(8))


def test_record_without_its_files_counts_as_missing(tmp_path):
    store, _ = stored(tmp_path, rows_per_shard=2)
    store.add({"index": 0})
    store.add({"index": 1})
    again = ShardStore(tmp_path, "rows", rows_per_shard=1)
    assert [record["index"] for record in again.load(lambda record: record["index"] != 0)] == [1]
    again.add({"index": 0, "new": True})  # same first index as the old shard
    _, found = stored(tmp_path)
    assert sorted(found) == [0, 1]


def test_leftover_part_files_are_removed(tmp_path):
    (tmp_path / "rows_00000000.jsonl.part").write_text('{"index": 0')
    assert stored(tmp_path)[1] == {} and not list(tmp_path.glob("*.part"))


def test_folder_refuses_other_settings(tmp_path):
    claim(tmp_path, {"seed": 1, "samples": 4})
    claim(tmp_path, {"samples": 4, "seed": 1})
    with pytest.raises(CollectError, match=r"samples: 4 -> 5") as caught:
        claim(tmp_path, {"seed": 1, "samples": 5})
    assert "\n" not in str(caught.value)
    (tmp_path / "identity.json").write_text("{")
    with pytest.raises(CollectError, match="damaged"):
        claim(tmp_path, {"seed": 1, "samples": 4})


# --- ledger -----------------------------------------------------------------------------------------------------------


def plan(index: int) -> str:
    return "" if index % 3 == 0 else f"reason {index % 2}"


@given(st.permutations(range(20)), st.integers(1, 9))
def test_cut_does_not_depend_on_order(order, target):
    ledger = Ledger(20, target)
    for index in order:
        ledger.decide(index, plan(index))
    accepted = [i for i in range(20) if not plan(i)][:target]
    assert list(ledger.accepted()) == accepted
    assert ledger.cut == (accepted[-1] + 1 if len(accepted) == target else 20)
    assert ledger.closed and ledger.accepted_count + sum(ledger.counts().values()) == ledger.cut


def test_ledger_waits_for_the_prefix():
    ledger = Ledger(10, 2)
    for index in (1, 2, 3):
        ledger.decide(index, "")
    assert not ledger.closed and ledger.accepted_count == 0, "row 0 may still be accepted"
    ledger.decide(0, "bad")
    assert ledger.closed and list(ledger.accepted()) == [1, 2] and ledger.cut == 3


def test_dropped_rows_count_as_neither():
    ledger = Ledger(3, None)
    ledger.decide(0, "")
    ledger.drop(1, "solver: refused")
    ledger.decide(2, "bad")
    assert (ledger.accepted_count, ledger.counts(), ledger.dropped_before_cut(), ledger.cut) == (1, {"bad": 1}, 1, 3)
    assert list(ledger.answered()) == [0, 2]


# --- scheduler --------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(1, 6), st.integers(1, 12))
def test_results_come_in_order_within_bounds(delays, in_flight, ahead):
    running, peak, started, yielded, widest = 0, 0, -1, -1, 0

    async def work(index):
        nonlocal running, peak, started, widest
        running, started = running + 1, max(started, index)
        peak, widest = max(peak, running), max(widest, index - yielded)
        for _ in range(delays[index]):
            await asyncio.sleep(0)
        running -= 1
        return index * 10

    async def main():
        nonlocal yielded
        results = []
        async for index, value in in_order(range(len(delays)), work, in_flight, lambda: ahead):
            yielded = index
            results.append((index, value))
        return results

    assert asyncio.run(main()) == [(index, index * 10) for index in range(len(delays))]
    assert peak <= in_flight and widest <= ahead


def test_leaving_early_cancels_the_rest():
    ended = []

    async def work(index):
        try:
            await asyncio.sleep(0 if index == 0 else 3600)
        except asyncio.CancelledError:
            ended.append(index)
            raise
        return index

    async def main():
        async with aclosing(in_order(iter(int, 1), work, 4, lambda: 8)) as rows:  # endless source
            async for _ in rows:
                break
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    assert len(ended) <= 4


def test_programming_error_is_raised_and_nothing_stays():
    async def work(index):
        if index == 2:
            raise KeyError("bug")
        await asyncio.sleep(0)
        return index

    async def main():
        with pytest.raises(KeyError, match="bug"):
            async for _ in in_order(range(100), work, 4, lambda: 8):
                pass
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


# --- files ------------------------------------------------------------------------------------------------------------


def test_progress_grows_only_with_work(tmp_path, capsys):
    progress = Progress(tmp_path / "progress.jsonl", "collect", console_s=0, file_s=0)
    progress.start("collect", total=100, target=10, resumed=20)
    progress.row(20, 2, 0)
    progress.count("coded", 4)
    progress.row(40, 5, 1)
    for _ in range(5):
        progress.row(40, 5, 1)  # nothing happened: a hung peer must not look alive
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert [line["done"] for line in lines] == [0, 20, 20, 40]
    assert lines[-1]["requests"] == {"coded": 4} and lines[-1]["unit"] == "rows" and lines[-1]["eta_s"] >= 0
    assert "ETA" in capsys.readouterr().out


def test_eta_uses_the_nearer_end(tmp_path):
    progress = Progress(tmp_path / "p", "collect")
    progress.start("collect", total=1000, target=10, resumed=0)
    progress._started -= 10
    progress.done, progress.accepted = 100, 5  # 10 rows/s; the target needs 100 more rows, the budget 900
    assert progress.eta_s() == pytest.approx(10, rel=0.05)
    progress.accepted = 0
    assert progress.eta_s() == pytest.approx(90, rel=0.05)


def test_shuffled_writes_read_back(tmp_path):
    """Records of any size at any offset come back as they were."""
    rng = random.Random(0)
    records = [{"index": i, "text": "x" * rng.randrange(2000)} for i in range(200)]
    rng.shuffle(records)
    store, _ = stored(tmp_path, rows_per_shard=7)
    for record in records:
        store.add(record)
    store.flush()
    for record in records:
        assert store.read(record["index"]) == record
    store.close()


def test_rows_that_draw_the_same_picture_at_once_share_one_file(tmp_path):
    """The renderer's cache hands the same bytes object to several rows, which store it in several threads."""
    from concurrent.futures import ThreadPoolExecutor

    roles = Roles("collect_coder", None, {}, None, tmp_path, 0, 1, Progress(tmp_path / "progress.jsonl", "x"))
    for k in range(40):
        png = b"\x89PNG" + bytes([k]) * 200_000
        with ThreadPoolExecutor(8) as pool:
            names = set(pool.map(lambda _, png=png: roles._save(png), range(8)))
        assert len(names) == 1 and (tmp_path / names.pop()).read_bytes() == png
    assert not list((tmp_path / "images").glob("*.part"))
