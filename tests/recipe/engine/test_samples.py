"""Sample dumps: whole groups, atomic files, and only the pictures that a record shows."""

import json
import os
import time

from recipe.mmzero.engine.train.batch import Row
from recipe.mmzero.engine.train.samples import SampleWriter


def row(group: str, session: int) -> Row:
    return Row(0, 0, group, session, False, {}, {})


def test_whole_groups_first(tmp_path):
    rows = [row(group, session) for session in range(4) for group in "abc"]
    chosen = SampleWriter(tmp_path, 8).choose(rows, step=3)
    assert [r.session for r in chosen] == [0, 1, 2, 3, 0, 1, 2, 3]
    assert len({r.group for r in chosen}) == 2
    assert chosen == SampleWriter(tmp_path, 8).choose(rows[::-1], step=3), "the choice must not depend on order"
    first = {SampleWriter(tmp_path, 4).choose(rows, step)[0].group for step in range(30)}
    assert first == set("abc"), "every prompt has its turn, not always the first ones"


def test_not_a_number_is_null(tmp_path):
    SampleWriter(tmp_path, 1).write(1, [{"score": float("nan"), "terms": {"x": [float("inf"), 1.0]}}])
    assert json.loads((tmp_path / "000001.jsonl").read_text()) == {"score": None, "terms": {"x": [None, 1.0]}}


def test_text_that_utf8_cannot_hold_does_not_end_the_step(tmp_path):
    """A tokenizer may decode half a character into a lone surrogate."""
    SampleWriter(tmp_path, 1).write(1, [{"response": "a\ud800b"}])
    assert json.loads((tmp_path / "000001.jsonl").read_text()) == {"response": "a?b"}


def test_pictures_that_no_record_shows_are_deleted(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    (images / "earlier.png").write_bytes(b"1")
    (tmp_path / "000000.jsonl").write_text('{"drawings": [{"image": "images/earlier.png"}]}\n{"label": "7"}\n')
    os.utime(images / "earlier.png", (time.time() - 60,) * 2)
    writer = SampleWriter(tmp_path, 1)
    for name in ("shown.png", "hidden.png"):
        (images / name).write_bytes(b"1")
    writer.write(1, [{"drawings": [{"image": "images/shown.png"}, {"image": None}]}])
    assert sorted(path.name for path in images.iterdir()) == ["earlier.png", "shown.png"]


def test_what_a_killed_attempt_left_goes(tmp_path):
    """Half-written files, and pictures of a step that never got its records; a kill -9 leaves both."""
    SampleWriter(tmp_path, 1).write(1, [{"drawings": [{"image": "images/kept.png"}]}])
    images = tmp_path / "images"
    images.mkdir()
    for name in ("kept.png", "of_the_unfinished_step.png", "half.png.4711.part"):
        (images / name).write_bytes(b"1")
    (tmp_path / "000002.jsonl.part").write_text('{"dra')
    SampleWriter(tmp_path, 1)
    assert [path.name for path in images.iterdir()] == ["kept.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001.jsonl", "images"]


def test_pictures_stay_where_records_cannot_be_read(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"1")
    (tmp_path / "000001.jsonl").write_text('{"drawings"')
    SampleWriter(tmp_path, 1)
    assert (tmp_path / "images" / "a.png").exists()


def test_nothing_is_written_when_dumps_are_off(tmp_path):
    SampleWriter(tmp_path / "samples", 0).write(1, [{"a": 1}])
    assert not (tmp_path / "samples").exists()
