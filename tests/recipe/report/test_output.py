"""What a report may write over: an earlier report of ours, and nothing else."""

import json
import shutil

import pytest

from recipe.mmzero import report
from recipe.mmzero.report import output
from recipe.mmzero.report.output import EARLIER


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "files",
    [
        {},  # an empty folder is no run
        {"README.md": "my project's readme"},
        {"README.md": "x", "config.yaml": "name: my project\n", "state.json": '{"open": [1]}'},  # of other programs
        {"config.yaml": "[", "state.json": "{"},
        {"config.yaml": "- 1", "state.json": '{"steps": 3}'},
        {"report.html": "<p>quarterly report</p>", "figures/time.png": "x"},
        {"iter_01/results.txt": "x", "iter_1a/coder/x": "x", "iter_01/other/x": "x"},
    ],
)
def test_a_folder_that_is_no_run_is_refused_and_left_alone(tmp_path, capsys, files):
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    before = content(folder)
    assert report.main([str(folder)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "is no run folder" in err
    assert content(folder) == before
    with pytest.raises(report.ReportError, match="is no run folder"):
        report.terminal_table(folder)


@pytest.mark.parametrize(
    "name, text",
    [
        ("state.json", json.dumps({"format": 1, "steps": {}})),
        ("config.yaml", "evolution: {iterations: 3}\n"),
        ("iter_01/proposer/metrics.jsonl", ""),
    ],
)
def test_one_sign_of_a_run_is_enough(tmp_path, name, text):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    assert report.build(tmp_path).exists()


def test_the_readme_of_a_run_folder_is_the_users(run, one_figure):
    (run / "README.md").write_text("notes of mine")
    report.build(run)
    assert (run / "README.md").read_text() == "notes of mine"
    assert (run / "RUN.md").read_text().startswith("# run\n")


@pytest.mark.parametrize("name", ["report.html", "RUN.md", "figures/time.png"])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_files_of_others_are_not_replaced(run, tmp_path, name, kind):
    """In the folder of --out, and in the run folder itself; a link is not followed."""
    for folder, out in ((tmp_path / "site", tmp_path / "site"), (run, None)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if kind == "link":
            (folder / name).symlink_to(tmp_path / "elsewhere")
        else:
            (folder / name).write_text("<title>my site</title>")
        before = content(folder)
        with pytest.raises(report.ReportError, match=f"{name} is not of a report"):
            report.build(run, out)
        assert content(folder) == before


def test_a_comparison_does_not_replace_either(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    out = tmp_path / "site"
    out.mkdir()
    (out / "README.md").write_text("my site")
    report.build([run, other], out)
    report.build([run, other], out)  # its own files it does replace
    assert (out / "README.md").read_text() == "my site" and (out / "COMPARISON.md").exists()
    (out / "report.html").write_text("<title>my site</title>")
    with pytest.raises(report.ReportError, match=r"report\.html is not of a report"):
        report.build([run, other], out)
    assert (out / "report.html").read_text() == "<title>my site</title>"


def test_a_newer_report_replaces_an_earlier_one(run):
    report.build(run)
    (run / "report.html").write_text(f"<title>run {EARLIER}")  # as written before pages named their generator
    for name in ("RUN.md", "figures/time.png"):
        (run / name).write_text("old")
    report.build(run)
    assert "</html>" in (run / "report.html").read_text()
    assert (run / "RUN.md").read_text() != "old" and (run / "figures/time.png").read_bytes()[1:4] == b"PNG"


def test_an_interrupted_report_can_be_made_again(run, monkeypatch):
    """Whatever file it was writing when it ended. What is written is drawn once."""
    written, to_folder, to_file, left = [], output.Output.write, output.write, [0]

    def fail(path, content):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        to_file(path, content)

    monkeypatch.setattr(output.Output, "write", lambda self, *parts: written.append(parts) or to_folder(self, *parts))
    report.build(run, run.parent / "whole")
    (parts,) = written
    files = len(content(run.parent / "whole"))
    assert files == 2 + len(parts[2]) >= 8, "a page, a card and figures"
    for count in range(files):
        folder = run.parent / f"out{count}"
        left[0] = count
        with monkeypatch.context() as patch:
            patch.setattr(output, "write", fail)
            with pytest.raises(KeyboardInterrupt):
                to_folder(output.Output(folder, parts[2]), *parts)
        assert len(content(folder)) == count
        to_folder(output.Output(folder, parts[2]), *parts)
        assert content(folder) == content(run.parent / "whole")
    left[0] = 1
    with monkeypatch.context() as patch:
        patch.setattr(output, "write", fail)
        with pytest.raises(KeyboardInterrupt):
            report.build(run)
    assert report.build(run).exists() and (run / "RUN.md").exists()
