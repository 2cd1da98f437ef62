"""Training happens in the versions that the lock file names, and in no others."""

import hashlib
import sys
from importlib import metadata

import pytest

from gradino.errors import ProjectError
from gradino.operate.training import environment
from gradino.operate.training.environment import differences, identity, prepare
from tests.operate.conftest import LOCK, PYPROJECT, Shop

PACKAGE = """
[[package]]
name = "{name}"
version = "{version}"
source = {{ registry = "https://index.example/simple" }}
sdist = {{ url = "https://files.example/{name}-{version}.tar.gz", hash = "sha256:{zeros}", size = 1 }}
"""


def lock(shop: Shop, marker: str = "", **versions: str) -> str:
    """A lock file of these packages; returns its digest."""
    wanted = ", ".join(f'"{name}"' for name in versions)
    needed = "".join(f'    {{ name = "{name}"{marker} }},\n' for name in versions)
    (shop.root / "pyproject.toml").write_text(f"{PYPROJECT}dependencies = [{wanted}]\n")
    packages = (PACKAGE.format(name=name, version=version, zeros="0" * 64) for name, version in versions.items())
    (shop.root / "uv.lock").write_text(f"{LOCK}dependencies = [\n{needed}]\n{''.join(packages)}")
    return identity(shop.root)


def test_a_lock_file_is_known_by_its_content_and_needed(shop: Shop) -> None:
    assert identity(shop.root) == hashlib.sha256((shop.root / "uv.lock").read_bytes()).hexdigest()
    (shop.root / "uv.lock").unlink()
    with pytest.raises(ProjectError, match=r"has no uv\.lock[\s\S]*run `uv lock`"):
        identity(shop.root)


def test_the_running_python_will_do_where_it_has_every_locked_version(shop: Shop) -> None:
    digest = lock(shop, numpy=metadata.version("numpy"))
    assert differences(shop.root, digest) == ()
    assert str(prepare(shop.project, shop.store)) == sys.executable


def test_other_versions_and_missing_packages_are_named(shop: Shop) -> None:
    installed = metadata.version("numpy")
    digest = lock(shop, **{"numpy": "1.0", "gradino-is-not-on-any-index": "2.0"})
    assert differences(shop.root, digest) == (
        "gradino-is-not-on-any-index==2.0 is not installed",
        f"numpy==1.0 is locked, {installed} is installed",
    )


def test_what_is_for_other_systems_is_not_needed(shop: Shop) -> None:
    assert differences(shop.root, lock(shop, """, marker = "sys_platform == 'win32'" """, numpy="1.0")) == ()


def test_an_environment_without_gradino_is_refused_with_the_way_to_add_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "differences", lambda root, lock: ("everything",))
    with pytest.raises(ProjectError, match=r"does not contain gradino[\s\S]*uv add 'gradino\[operate\]'"):
        prepare(shop.project, shop.store)
    assert (shop.store.root / "environments" / identity(shop.root)[:16] / "bin" / "python").exists()
