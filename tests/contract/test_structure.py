"""The house as docs/design.md draws it: one-way imports, no cycles between folders, small modules, no dangling link."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("mmzero_env", "mmzero_rewards", "recipe")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LIMIT = 300  # lines of a module
ENTRIES = 10  # files and folders on the first level of a package
# What may import what: each package only itself and those before it.
ORDER = (
    "mmzero_env",
    "mmzero_rewards",
    "config",
    "tiny",
    "settings",
    "machine",
    "report",
    "run",
    "engine",
    "plugin",
    "cli",
)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in MODULES}


def imports_of(path: Path) -> set[str]:
    """Modules of ours that a file imports, inside functions too; `if TYPE_CHECKING` blocks do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in NAMES else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name in NAMES}


def room(module: str) -> str:
    """The first folder, of recipe/mmzero the second: a package of docs/design.md."""
    return module.split(".")[0] if not module.startswith("recipe.") else [*module.split("."), "", ""][2]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path):
    here = ORDER.index(room(name_of(path)))
    wrong = {name for name in imports_of(path) if ORDER.index(room(name)) > here}
    if room(name_of(path)) == "engine":
        wrong -= {"recipe.mmzero.plugin"}  # the trainer asks the plug-in to verify its registrations
    assert not wrong


def test_no_cycle_between_folders():
    """If a folder imports another, directly or through others, that one does not import it; a folder and what it
    contains may use each other."""
    edges = defaultdict(set)
    for name, path in NAMES.items():
        for other in imports_of(path):
            a, b = name.rpartition(".")[0] or name, other.rpartition(".")[0] or other
            if NAMES[other].name == "__init__.py":
                b = other
            if NAMES[name].name == "__init__.py":
                a = name
            if a != b and not a.startswith(f"{b}.") and not b.startswith(f"{a}."):
                edges[a].add(b)

    def reach(start: str) -> set[str]:
        seen, todo = set(), [start]
        while todo:
            for following in edges[todo.pop()] - seen:
                seen.add(following)
                todo.append(following)
        return seen

    assert [folder for folder in sorted(edges) if folder in reach(folder)] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_small(path):
    assert len(path.read_text().splitlines()) <= LIMIT


TEXTS = {"read_text": 0, "write_text": 1}  # how many arguments stand before the encoding


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_text_files_name_their_encoding(path):
    """Else a run's files depend on the locale of whoever reads them."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    texts = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in TEXTS]
    named = [
        call for call in texts if len(call.args) > TEXTS[call.func.attr] or "encoding" in {k.arg for k in call.keywords}
    ]
    assert [call.lineno for call in texts if call not in named] == []


@pytest.mark.parametrize("package", ["mmzero_env", "mmzero_rewards", "recipe/mmzero"])
def test_first_level_is_seen_at_a_glance(package):
    entries = [entry.name for entry in (ROOT / package).iterdir() if entry.name != "__pycache__"]
    assert len(entries) <= ENTRIES, sorted(entries)


def test_every_room_says_what_it_is_for():
    doors = [path for path in MODULES if path.name == "__init__.py"]
    assert [name_of(path) for path in doors if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_files_named_in_documents_exist():
    missing = []
    for document in DOCUMENTS:
        text = document.read_text()
        named = re.findall(r"\b((?:recipe|mmzero_env|mmzero_rewards|tests|examples|docs)/[\w./-]*\w)", text)
        linked = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
        missing += [f"{document.name}: {name}" for name in named if not (ROOT / name).exists()]
        missing += [f"{document.name}: {name}" for name in linked if not (document.parent / name).exists()]
    assert missing == []


def test_documents_name_no_folder_of_one_machine():
    """Output that is quoted holds the paths of who ran it: `/proc/PID/root` is no such path."""
    private = re.compile(r"(?<![\w\])}>~])/(?:root|home|Users)/\S+")
    found = [(path.name, name) for path in DOCUMENTS for name in private.findall(path.read_text("utf-8"))]
    assert not found


def test_cited_sections_of_the_method_exist():
    """`docs/method.md §2.1` in code and comments is a heading there."""
    text = (ROOT / "docs" / "method.md").read_text()
    headings = set(re.findall(r"^#+ (\d+(?:\.\d+)?)", text, re.MULTILINE))
    files = [*MODULES, *(ROOT / "recipe").rglob("*.yaml"), *(ROOT / "tests").rglob("*.py"), *DOCUMENTS]
    cited = [(path, n) for path in files for n in re.findall(r"method\.md §(\d+(?:\.\d+)?)", path.read_text())]
    assert [f"{path.name}: §{number}" for path, number in cited if number not in headings] == []
    assert len(cited) >= 50
    unlinked = [
        path.name for path in files if path != Path(__file__) and re.search(r"\bMETHOD\b|\bDESIGN\b", path.read_text())
    ]
    assert unlinked == [], "say docs/method.md §N or docs/design.md"


def test_runs_on_the_real_engine_are_in_one_folder():
    """tests/run_tests.sh looks for them there alone."""
    marked = [
        path
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"^(pytestmark|@).*\be2e\b", path.read_text(), re.M)
    ]
    assert {path.parent.name for path in marked} == {"e2e"}
