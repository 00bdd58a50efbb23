"""All users' runners live as long as the session: starting the Python template takes seconds."""

from pathlib import Path

import pytest

from tests.support.sandbox import users


@pytest.fixture(scope="session", params=["root", "nobody", "bare"])
def runner(request):
    one = users.start(request.param)
    yield one
    one.close()


@pytest.fixture(scope="session")
def playground(tmp_path_factory):
    """A folder that everybody may write in, outside every snippet's own."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="playground-") as name:
        Path(name).chmod(0o777)
        yield Path(name)
