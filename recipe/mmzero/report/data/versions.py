"""The package versions that a run was made with, as its steps recorded them; they may change between steps."""

from recipe.mmzero.machine.versions import installed
from recipe.mmzero.report.data.read import Run

NOT_RECORDED = "of the installation that wrote this report, the run recorded none"


def versions(run: Run) -> list[tuple[str, dict[str, str]]]:
    """(which steps, package -> version), one entry per set of versions, in the order of the steps.

    Which steps is "" where all agree. A journal of an earlier version has one entry for the whole run.
    """
    records = run.state.get("steps")
    found: list[tuple[list[str], dict[str, str]]] = []
    for name, record in records.items() if isinstance(records, dict) else ():
        noted = record.get("versions") if isinstance(record, dict) else None
        if not isinstance(noted, dict) or not noted:
            continue
        known = {str(package): str(version) for package, version in noted.items()}
        same = next((steps for steps, other in found if other == known), None)
        if same is None:
            found.append(([str(name)], known))
        else:
            same.append(str(name))
    if not found:
        whole = run.state.get("versions")
        if isinstance(whole, dict) and whole:
            return [("", {str(package): str(version) for package, version in whole.items()})]
        return [(NOT_RECORDED, installed())]
    return [(", ".join(steps) if len(found) > 1 else "", known) for steps, known in found]


def listed(known: dict[str, str]) -> str:
    """`torch 2.11.0, verl 0.9.1`"""
    return ", ".join(f"{name} {version}" for name, version in known.items())
