"""The public namespace of the statistics, pinned."""

import subprocess
import sys

from gradino import inference


def test_the_namespace_is_seven_modules():
    assert inference.__all__ == ["ab", "alarm", "drift", "eprocess", "estimate", "gain", "losses"]
    assert all(hasattr(inference, name) for name in inference.__all__)


def test_nothing_heavier_than_numpy_is_imported():
    code = "import sys, gradino.inference; print({'scipy', 'pandas', 'sklearn'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
