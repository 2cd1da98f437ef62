"""What a model needs of a row, read from what is there."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from gradino.errors import ProjectError
from gradino.operate.project import Project, load
from gradino.operate.registry.inputs import describe
from gradino.operate.registry.schema import Field, Observed

PAST = pd.DataFrame(
    {
        "hour": pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True),
        "warmth": [1.0, None],
        "riders": [3, 4],
        "sky": ["rain", "sun"],
        "open": [True, False],
        "sold": [5.0, 6.0],
    }
)
SCHEMA = pa.Table.from_pandas(PAST, preserve_index=False).schema.set(3, pa.field("sky", pa.string()))
CONTRACT = """
import pandas as pd
import pandera.pandas as pa

class Hours(pa.DataFrameModel):
    warmth: float = pa.Field(ge=-30, le=50, nullable=True)
    riders: int = pa.Field(in_range={"min_value": 0, "max_value": 9})
    sky: str = pa.Field(isin=["sun", "rain", "snow"])

def collect(since): ...
def train(frame): ...
def score(model, frame): ...
"""
TOML = """
[project]
name = "shop"
task = "regression"
target = "sold"
time = "hour"
[data]
source = "contract:collect"
schema = "contract:Hours"
[training]
train = "contract:train"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "contract.py").write_text(CONTRACT)
    (tmp_path / "gradino.toml").write_text(TOML)
    monkeypatch.syspath_prepend(tmp_path)
    return load(tmp_path)


class Fitted:
    """An estimator that was fitted on these columns."""

    def __init__(self, *names: str) -> None:
        self.feature_names_in_ = names


def inputs(project: Project, estimator: Any) -> dict[str, Field]:
    return {field.name: field for field in describe(project, estimator, SCHEMA, PAST, project.root).inputs}


def test_an_estimator_needs_its_features_and_the_event_time(project: Project) -> None:
    assert list(inputs(project, Fitted("riders", "open"))) == ["hour", "riders", "open"]


def test_a_scoring_function_may_read_every_column_but_the_target(project: Project) -> None:
    (project.root / "gradino.toml").write_text(TOML + '[scoring]\nscore = "contract:score"\n')
    found = inputs(load(project.root), object())
    assert list(found) == ["hour", "warmth", "riders", "sky", "open"]
    assert [f.type for f in found.values()] == ["timestamp", "number", "integer", "string", "boolean"]


def test_limits_are_the_contracts_and_what_was_seen_is_information(project: Project) -> None:
    found = inputs(project, Fitted("warmth", "riders", "sky"))
    assert found["warmth"] == Field(
        "warmth", "number", nullable=True, minimum=-30, maximum=50, observed=Observed(minimum=1, maximum=1)
    )
    assert found["riders"].minimum == 0
    assert found["sky"].categories == ["rain", "snow", "sun"]
    assert found["sky"].observed.categories == ["rain", "sun"]


@pytest.mark.parametrize(
    ("estimator", "what"),
    [
        (LinearRegression().fit([[1], [2]], [1, 2]), "does not say which columns it reads"),
        (Fitted("warmth", "mood"), "`mood`, which is no column of the table: hour, warmth"),
        (Fitted("warmth", "sold"), "fits on the target `sold`"),
    ],
)
def test_an_estimator_that_cannot_be_served_is_refused(project: Project, estimator: Any, what: str) -> None:
    with pytest.raises(ProjectError, match=what):
        inputs(project, estimator)
