"""What we list of verl is what verl has: trackers, KL estimators, and the release in REQUIRED_VERL.txt."""

import re
from pathlib import Path

import pytest
import torch
from verl.trainer.ppo.core_algos import kl_penalty
from verl.utils.tracking import Tracking

from recipe.mmzero.settings.types.run import LOGGERS
from recipe.mmzero.settings.types.training import KL_TYPES

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "recipe" / "mmzero" / "REQUIRED_VERL.txt"


def test_loggers_are_verls():
    assert set(LOGGERS) == set(Tracking.supported_backend)


@pytest.mark.parametrize("name", KL_TYPES)
def test_kl_types_are_verls(name):
    assert kl_penalty(torch.tensor([-1.0]), torch.tensor([-2.0]), name).shape == (1,)


@pytest.mark.parametrize("name", ["full", "foo"])
def test_kl_types_that_verl_refuses_are_not_ours(name):
    assert name not in KL_TYPES
    with pytest.raises(NotImplementedError):
        kl_penalty(torch.tensor([-1.0]), torch.tensor([-2.0]), name)


def field(key):
    """As `get_field` of verl-recipe's install_verl.sh: the first `KEY=value` line that is no comment."""
    for line in FILE.read_text().splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not line.lstrip().startswith("#") and name == key:
            return value.strip()
    return ""


def test_required_verl_is_what_pyproject_pins():
    (pin,) = re.findall(r'^  "(verl\[[^"]+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    version = pin.partition("==")[2]
    assert field("MODE") == "pinned_tag"  # then the installer reads UPSTREAM, TAG, COMMIT, PIP_INSTALL, GIT_SETUP
    assert field("TAG") == f"v{version}"
    assert field("PIP_INSTALL") == f'pip install "{pin}"'
    assert field("UPSTREAM").startswith("https://github.com/verl-project/verl")
    assert f"--branch v{version} " in field("GIT_SETUP") and field("GIT_SETUP").endswith("verl.git")
    assert field("NOTES")
