"""What several of the fleet's tests use."""
import pytest
from certificates import Authority


@pytest.fixture
def authority(tmp_path):
    """The folder of a CA that has signed a server, the user root and the bridge lab7."""
    folder = tmp_path / "pki"
    folder.mkdir()
    made = Authority(folder)
    for name in ("server", "root", "lab7"):
        made.sign(name)
    return folder
