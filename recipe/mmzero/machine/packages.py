"""Optional packages that a setting asks for."""

from collections.abc import Iterator
from importlib.util import find_spec

from omegaconf import DictConfig

from recipe.mmzero.machine.facts import FAIL, Check

# The package that a verl tracker or a grader imports, by its setting; the others come with verl.
PACKAGES = {
    "loggers": {
        "wandb": "wandb",
        "mlflow": "mlflow",
        "swanlab": "swanlab",
        "vemlp_wandb": "volcengine_ml_platform",
        "tensorboard": "tensorboard",
        "clearml": "clearml",
        "trackio": "trackio",
        "rl_insight": "rl_insight",
    },
    "grading.grader": {"mathruler": "mathruler"},
}


def packages(config: DictConfig) -> Iterator[Check]:
    """Optional packages that a setting asks for; verl imports them when the first stage has loaded its models."""
    wanted = {"loggers": list(config.loggers), "grading.grader": [config.grading.grader]}
    for key, values in wanted.items():
        for value in values:
            package = PACKAGES[key].get(value)
            if package and find_spec(package) is None:
                remedy = f"pip install {package}, or change {key}"
                yield Check(key, FAIL, f"{key} has {value}, and the package {package} is not installed", remedy)
