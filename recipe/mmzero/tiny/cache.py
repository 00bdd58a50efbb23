"""The tiny base in a cache outside the repository, named by the hash of everything that decides it.

`MMZERO_CACHE` or `~/.cache/mmzero`. A folder appears under its final name only when it is complete; two builders wait
for each other.
"""

import ast
import fcntl
import hashlib
import io
import json
import os
import tokenize
from pathlib import Path

from mmzero_env.process.replace import replacing
from recipe.mmzero.tiny.settings import WarmupConfig

SOURCES = ("world", "programs", "questions", "facts", "corpus", "breaking", "prompts")
SOURCES += ("model", "batches", "pixels", "settings", "warmup")


def cache_root() -> Path:
    return Path(os.environ.get("MMZERO_CACHE") or Path.home() / ".cache" / "mmzero")


def content_hash(config: WarmupConfig) -> str:
    """Hash of the warm-up settings and of the source code that makes the base; comments do not count.

    It is the same under every Python version: a base is made once, whatever the environments that use it.
    """
    digest = hashlib.sha256(json.dumps(config.as_dict(), sort_keys=True).encode())
    for name in SOURCES:
        digest.update(code_only((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:12]


def code_only(source: str) -> str:
    """A source file's own lines without docstrings, comments and blank lines.

    Not `ast.dump`: what it prints of the same tree differs between Python versions.

    >>> code_only("x = 1  # one") == code_only("'What this is.'\\n\\nx = 1")
    True
    """
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            first = node.body[0]
            lines[first.lineno - 1 : first.end_lineno] = [""] * (first.end_lineno - first.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def base_folder(config: WarmupConfig | None = None) -> Path:
    """Where the base of these settings is or will be."""
    return cache_root() / f"tiny-{content_hash(config or WarmupConfig())}"


def ensure_base(config: WarmupConfig | None = None, report=print) -> Path:
    """The base's folder, built first if it is missing.

    Raises:
        OSError: the cache cannot be written; set MMZERO_CACHE to a folder with 100 MB of space.
    """
    config = config or WarmupConfig()
    folder = base_folder(config)
    if (folder / "config.json").exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "config.json").exists():  # another builder finished while we waited
            return folder
        report(f"building the tiny base model in {folder} ({config.steps} steps, once)")
        from recipe.mmzero.tiny.warmup import warm_up

        with replacing(folder) as temporary:
            numbers = warm_up(temporary, config, report)
            (temporary / "warmup.json").write_text(
                json.dumps(numbers | config.as_dict(), indent=1) + "\n", encoding="utf-8"
            )
    return folder
