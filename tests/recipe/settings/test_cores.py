"""Helper processes of a GPU stage follow from the cores of its node."""

import pytest

from recipe.mmzero.settings.verl import cores


@pytest.mark.parametrize(
    ("node", "rollout", "reward", "loaders"),
    [
        (4, 1, 1, 1),
        (16, 2, 1, 1),  # 1 reward worker x render.workers=4 children: a quarter of the cores
        (128, 16, 8, 4),  # verl's own 8 reward workers and 4 loaders
        (384, 32, 8, 4),  # capped
    ],
)
def test_shares(node, rollout, reward, loaders):
    assert (cores.rollout_workers(node), cores.reward_workers(node), cores.loader_workers(node)) == (
        rollout,
        reward,
        loaders,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max 100000", 8),
        ("300000 100000", 3),
        ("50000 100000", 1),  # half a core
        ("9900000 100000", 8),  # more than there are
    ],
)
def test_a_container_has_its_share(text, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda pid: set(range(8)))
    quota = tmp_path / "cpu.max"
    assert cores.available(quota) == 8, "no such file on this machine"
    quota.write_text(text + "\n")
    assert cores.available(quota) == expected
