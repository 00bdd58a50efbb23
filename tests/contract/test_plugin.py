"""`plugin.verify()` in the environment of a stage, in a process of its own, as every stage calls it."""

import os
import subprocess
import sys

from recipe.mmzero.plugin import AGENT_LOOPS, MANAGERS
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.environment import stage_environment

VERIFY = "from recipe.mmzero.plugin import verify; print('\\n'.join(verify()))"


def run(code, **changes):
    environment = os.environ | stage_environment(schema.load([])) | changes
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300)


def test_every_registration_is_in_place_on_a_cpu():
    done = run(VERIFY)
    assert done.returncode == 0, done.stderr[-2000:]
    for part in ("verl 0.9.1", "trainer mmzero_sync", "platform cpu", *AGENT_LOOPS, *MANAGERS):
        assert part in done.stdout


def test_verify_fails_where_the_platform_is_missing():
    """The check is not empty: a process that set the platform too late stops."""
    done = run(f"import os, verl; os.environ['VERL_PLATFORM'] = 'cpu'\n{VERIFY}", VERL_PLATFORM="nvidia")
    assert done.returncode != 0 and "Unknown platform 'cpu'" in done.stderr.splitlines()[-1]


def test_another_verl_stops_at_import(tmp_path):
    version = "0.9.0"
    info = tmp_path / f"verl-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: verl\nVersion: {version}\n")
    done = run("import recipe.mmzero.plugin", PYTHONPATH=str(tmp_path))
    wanted = f"RuntimeError: mmzero needs verl==0.9.1, found {version}: pip install 'verl[verl-core]==0.9.1'"
    assert done.returncode != 0 and done.stderr.splitlines()[-1] == wanted
