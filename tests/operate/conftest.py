"""A tiny real project – an hourly shop – and its store. One warm parent of jobs serves the whole session."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from gradino.operate.project import Project, load
from gradino.operate.store import Store

TOML = """\
[project]
name = "shop"
task = "regression"
target = "sold"
time = "hour"

[data]
source = "shop:collect"
schema = "shop:Hours"

[training]
train = "shop:train"
"""
LOCK = """\
version = 1
requires-python = ">=3.11"

[[package]]
name = "shop"
version = "0.1.0"
source = { virtual = "." }
"""
PYPROJECT = """\
[project]
name = "shop"
version = "0.1.0"
requires-python = ">=3.11"
"""
CODE = '''\
"""Sales of a shop, by the hour."""

import pandas as pd
import pandera.pandas as pa
from sklearn.linear_model import LinearRegression


class Hours(pa.DataFrameModel):
    hour: pd.DatetimeTZDtype = pa.Field(dtype_kwargs={"unit": "us", "tz": "UTC"})
    warmth: float = pa.Field(ge=-30, le=50)
    open: bool
    sold: float = pa.Field(ge=0, nullable=True)

    class Config:
        coerce = True


def collect(since):
    frame = pd.read_csv("sales.csv", parse_dates=["hour"])
    return frame[frame["hour"] > pd.Timestamp(since, tz="UTC")]


def train(frame):
    return LinearRegression().fit(frame[["warmth", "open"]], frame["sold"])
'''
START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class Shop:
    """The project's folder, and what a person could do to it."""

    root: Path

    @property
    def project(self) -> Project:
        return load(self.root)

    @property
    def store(self) -> Store:
        return Store.of(self.root)

    @property
    def frame(self) -> pd.DataFrame:
        """What the source would deliver."""
        return pd.read_csv(self.root / "sales.csv", parse_dates=["hour"])

    def deliver(self, frame: pd.DataFrame) -> None:
        frame.to_csv(self.root / "sales.csv", index=False)

    def rewrite(self, old: str, new: str, file: str = "shop.py") -> None:
        path = self.root / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def git(self, *command: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        return subprocess.run(["git", *who, *command], cwd=self.root, check=True, capture_output=True, text=True).stdout


def hours(first: int, count: int) -> pd.DataFrame:
    """`count` hours of sales from the `first` hour on; the truth is sold = 2 · warmth + 5 when open, plus a ripple."""
    number = pd.RangeIndex(first, first + count)
    warmth = 10 + (number * 7 % 24) / 2
    is_open = number % 24 >= 8
    return pd.DataFrame(
        {
            "hour": [START + timedelta(hours=int(n)) for n in number],
            "warmth": warmth,
            "open": is_open,
            "sold": 2 * warmth + 5 * is_open + number % 5,
        }
    )


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A project under git with 200 hours of sales; nothing is collected yet."""
    found = Shop(tmp_path)
    for name, content in {"gradino.toml": TOML, "pyproject.toml": PYPROJECT, "uv.lock": LOCK, "shop.py": CODE}.items():
        (tmp_path / name).write_text(content)
    found.deliver(hours(0, 200))
    (tmp_path / ".gitignore").write_text("sales.csv\n")
    found.git("init", "--quiet")
    found.git("add", ".")
    found.git("commit", "--quiet", "--message", "Sell things")
    yield found
    found.store.state.close()
