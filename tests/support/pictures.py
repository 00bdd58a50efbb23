"""The corpus of pictures: files, and what is expected of each."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from mmzero_env import RenderRequest, RenderResult

FOLDER = Path(__file__).resolve().parents[1] / "corpus" / "pictures"
TOLERANCE = 3
LANGUAGES = {".svg": "svg", ".py": "python"}


@dataclass(frozen=True)
class Case:
    """One file of the corpus."""

    path: Path
    expected: dict

    @property
    def kind(self) -> str:
        return self.path.stem.split("_")[0]

    @property
    def language(self) -> str:
        return LANGUAGES[self.path.suffix]

    @property
    def missing(self) -> str | None:
        """A library that it needs and that is not here."""
        needs = self.expected.get("needs")
        return needs if needs and importlib.util.find_spec(needs) is None else None

    def request(self) -> RenderRequest:
        return RenderRequest(self.path.read_text("utf-8"), self.language)

    def problems(self, result: RenderResult) -> list[str]:
        """What of the expectations does not hold."""
        wanted, found = self.expected, []
        status = wanted.get("status", "OK")
        if result.status.name != status:
            return [f"{result.status.name}, not {status}: {result.message}"]
        if wanted.get("message", "") not in result.message:
            found.append(f"message: {result.message}")
        if wanted.get("note", "") not in result.note or (result.note and "note" not in wanted):
            found.append(f"note: {result.note!r}")
        if "size" in wanted and [result.width, result.height] != wanted["size"]:
            found.append(f"size: {result.width} x {result.height}")
        if "text" in wanted and list(result.text) != wanted["text"]:
            found.append(f"text: {result.text}")
        found += [
            f"text lacks {text!r}: {result.text}" for text in wanted.get("text_has", ()) if text not in result.text
        ]
        found += [f"text has {text!r}" for text in wanted.get("text_lacks", ()) if text in result.text]
        if "pixels" in wanted:
            image = result.image()
            for place, colour in wanted["pixels"].items():
                got = image.getpixel(tuple(map(int, place.split(","))))
                if max(abs(a - b) for a, b in zip(got, bytes.fromhex(colour[1:]), strict=True)) > TOLERANCE:
                    found.append(f"{place}: #{bytes(got).hex()}, not {colour}")
        return found


def cases() -> list[Case]:
    """All of them, in the order of their names.

    Raises:
        ValueError: files and expectations are not the same.
    """
    expected = json.loads((FOLDER / "expected.json").read_text("utf-8"))
    files = {path.name: path for path in FOLDER.iterdir() if path.suffix in LANGUAGES}
    if files.keys() != expected.keys():
        raise ValueError(f"only a file or only an expectation: {sorted(files.keys() ^ expected.keys())}")
    return [Case(files[name], expected[name]) for name in sorted(files)]
