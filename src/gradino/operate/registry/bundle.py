"""A bundle: the folder `bundles/<digest>/`, and whether it still is what was signed.

model.skops | model.pkl   the estimator, fitted on all rows
tested.skops | tested.pkl the same recipe fitted on the rows before the holdout: what the holdout judges
code/                     the project's Python files and gradino.toml, as they were trained from
uv.lock                   the environment
schema.json               inputs and task
reference.json            losses on the holdout, of `tested`
baseline.json             what production's rows are compared with
holdout.parquet           rows of the holdout with what the model answers, for who serves it
lineage.json              what it came from
manifest.json             SHA-256 of each file above; its own SHA-256 is the bundle's digest
model.sig                 OpenSSF model signature over all of it; not part of the digest
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gradino.errors import IntegrityError
from gradino.operate.registry.schema import Baseline, Description, Reference

if TYPE_CHECKING:
    import pandas as pd

CODE, LOCK, MANIFEST, SIGNATURE = "code", "uv.lock", "manifest.json", "model.sig"
SCHEMA, REFERENCE, LINEAGE, HOLDOUT = "schema.json", "reference.json", "lineage.json", "holdout.parquet"
BASELINE = "baseline.json"
MODEL, TESTED = "model", "tested"
ESTIMATORS = tuple(f"{name}.{form}" for name in (MODEL, TESTED) for form in ("skops", "pkl"))
PREDICTION = "_prediction"  # column of the holdout: what the model answers to a row
_ADVICE = "do not use it; restore the bundle from a backup or train again"


class Lineage(msgspec.Struct, frozen=True):
    """`lineage.json`: what a bundle came from, each part by digest."""

    run: str
    commit: str | None
    diff: str | None  # sha256 of the uncommitted changes, None when there were none
    code: str
    environment: str  # sha256 of uv.lock
    data_version: int
    data_digest: str
    seed: int
    tracker_run: str
    metrics: dict[str, float]
    parameters: dict[str, Any] = {}  # hyper-parameters that a search chose
    machine: dict[str, Any] = {}  # what the result may depend on beside all that
    slices: dict[str, Any] = {}  # rows, metric and loss of each slice of the holdout


def verify(path: Path, digest: str, public_key: Path) -> None:
    """See that a bundle is whole, has this digest and carries our signature. Nothing in it is deserialised.

    Raises:
        IntegrityError: names the file that is not what was signed.
    """
    verify_files(path, digest)
    _verify_signature(path, public_key)


def verify_files(path: Path, digest: str) -> None:
    """The part of `verify` that needs no key: the digest fixes the manifest, the manifest fixes every file.

    Raises:
        IntegrityError: a file is changed, missing, too many, or not a plain file.
    """
    found = set(files(path)) - {SIGNATURE}
    if MANIFEST not in found or sha256(path / MANIFEST) != digest:
        raise IntegrityError(f"{path / MANIFEST} is not the one of bundle {digest}", _ADVICE)
    manifest = msgspec.json.decode((path / MANIFEST).read_bytes(), type=dict[str, str])
    for name in sorted(manifest.keys() | found - {MANIFEST}):
        if name not in found:
            raise IntegrityError(f"{path / name} is missing", _ADVICE)
        if name not in manifest:
            raise IntegrityError(f"{path / name} does not belong to the bundle", _ADVICE)
        if sha256(path / name) != manifest[name]:
            raise IntegrityError(f"{path / name} was changed after it was packed", _ADVICE)


def seal(path: Path, private_key: Path) -> str:
    """Write the manifest of a staged folder and sign it; returns the bundle's digest."""
    from model_signing import signing

    manifest = {name: sha256(path / name) for name in files(path)}
    (path / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1))
    signer = signing.Config()  # type: ignore[no-untyped-call]
    signer.set_hashing_config(_hashing()).use_elliptic_key_signer(private_key=private_key)
    signer.sign(path, path / SIGNATURE)
    return sha256(path / MANIFEST)


def describe(path: Path) -> Description:
    """What the bundle's model takes and gives."""
    return msgspec.json.decode((path / SCHEMA).read_bytes(), type=Description)


def lineage(path: Path) -> Lineage:
    """What the bundle came from."""
    return msgspec.json.decode((path / LINEAGE).read_bytes(), type=Lineage)


def reference(path: Path) -> Reference:
    """How the bundle's model did on its holdout."""
    return msgspec.json.decode((path / REFERENCE).read_bytes(), type=Reference)


def baseline(path: Path) -> Baseline | None:
    """What production's rows are compared with; None in a bundle from before there was one."""
    file = path / BASELINE
    return msgspec.json.decode(file.read_bytes(), type=Baseline) if file.exists() else None


def holdout(path: Path) -> "pd.DataFrame":
    """Rows of the holdout that travel with the bundle."""
    import pandas as pd

    return pd.read_parquet(path / HOLDOUT).drop(columns=PREDICTION)


def write(path: Path, content: msgspec.Struct) -> None:
    """One of the JSON files of a staged bundle."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1))


def files(path: Path) -> Iterator[str]:
    """Relative names of all files; raises IntegrityError for anything that is no plain file or folder."""
    if path.is_symlink() or not path.is_dir():
        raise IntegrityError(f"{path} is not a folder", _ADVICE)
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(path / folder) as entries:
            for entry in entries:
                name = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{name}/")
                elif entry.is_file(follow_symlinks=False):
                    yield name
                else:
                    raise IntegrityError(f"{path / name} is a link or a device, not a file", _ADVICE)


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _verify_signature(path: Path, public_key: Path) -> None:
    from model_signing import verifying

    verifier = verifying.Config()  # type: ignore[no-untyped-call]
    verifier.set_hashing_config(_hashing()).use_elliptic_key_verifier(public_key=public_key)
    try:
        verifier.verify(path, path / SIGNATURE)
    except Exception as error:  # noqa: BLE001  # whatever a forged signature makes the parser say, it is not ours
        reason = str(error) or type(error).__name__
        raise IntegrityError(f"{path / SIGNATURE} is not our signature of this bundle: {reason}", _ADVICE) from None


def _hashing() -> Any:
    """All files but the signature; by default model-signing would leave out those that git knows by name."""
    from model_signing import hashing

    config = hashing.Config()  # type: ignore[no-untyped-call]
    return config.set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)
