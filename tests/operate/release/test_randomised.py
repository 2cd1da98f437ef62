"""The A/B by records: units that stick to an arm, labelled, until the rule says what follows."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gradino.inference.ab import assign
from gradino.operate.store.state import decisions
from tests.operate import records
from tests.operate.release.town import Town


class Market(Town):
    """Shops – the units – each served by one model; outcomes are written as the join of labels writes them."""

    def __init__(self, root: Path, unit: str | None = "shop", **settings: object) -> None:
        super().__init__(root, experiment="ab", **settings)
        self.project = self.project.model_copy(
            update={"project": self.project.project.model_copy(update={"unit": unit})}
        )
        self.gate("pass")
        self.look()

    def weeks(
        self, n: int, champion: float, challenger: float, shops: int = 600, named: bool = True, lost: float = 0.0
    ) -> None:
        """Each week other shops, three labelled answers each; `lost` of the challenger's labels never come."""
        random = np.random.default_rng(self.days)
        for _ in range(n):
            self.days += 1
            rows = []
            for shop in range(shops):
                arm = assign("salt", f"{self.days}-{shop}", 0.5)
                for visit in range(3):
                    when = records.START + timedelta(days=7 * self.days + visit)
                    loss = random.random() < (challenger if arm == "challenger" else champion)
                    if arm == "champion" or random.random() >= lost:
                        name = f"{self.days}-{shop}-{visit}"
                        rows.append(
                            (name, when, 2 if arm == "challenger" else 1, arm, float(loss), f"{self.days}-{shop}")
                        )
            names = ["prediction_id", "event_time", "version", "role", "loss", "x_shop"]
            table = pa.table({key: list(column) for key, column in zip(names, zip(*rows, strict=True), strict=True)})
            times = table["event_time"].cast(pa.timestamp("us", tz="UTC"))
            table = table.set_column(1, "event_time", times).append_column("label_time", times)
            table = table.append_column("label", pa.array([1 - loss for loss in table["loss"].to_pylist()]))
            shown = ["prediction_id", "event_time", "version", "role", *(["x_shop"] if named else [])]
            prediction = pa.array([0.5] * len(table))
            self.store.tables.append(
                "predictions", table.select(shown).append_column("prediction", prediction), "log", self.days
            )
            self.store.tables.append("outcomes", table.drop_columns(["x_shop"]), "join", self.days)
            self.look()

    @property
    def verdict(self) -> str:
        row = self.store.state.last(decisions, decisions.c.kind == "experiment")
        return row.verdict if row else "none yet"


def test_a_better_challenger_gets_half_of_the_units_and_then_all(tmp_path: Path) -> None:
    market = Market(tmp_path)
    assert (market.live.challenger, market.live.weight) == (2, 0.5)
    market.weeks(3, champion=0.4, challenger=0.1)
    assert market.verdict == "pass"
    market.weeks(1, 0.4, 0.1)
    assert (market.live.champion, market.live.challenger, market.release.stage) == (2, None, "done")


def test_a_worse_one_is_rejected_and_an_equal_one_is_not_promoted(tmp_path: Path) -> None:
    worse, equal = Market(tmp_path / "worse"), Market(tmp_path / "equal", horizon=900)
    worse.weeks(3, 0.1, 0.4)
    assert (worse.verdict, worse.status(2)) == ("fail", "rejected")
    equal.weeks(4, 0.3, 0.3)
    assert (equal.verdict, equal.live.champion, equal.live.challenger) == ("insufficient", 1, None)


def test_a_broken_sample_ratio_never_promotes(tmp_path: Path) -> None:
    market = Market(tmp_path)
    market.weeks(4, champion=0.4, challenger=0.05, lost=0.75)
    assert (market.verdict, market.status(2)) == ("insufficient", "rejected")
    assert "do not come to the arms" in market.release.reason


def test_units_that_the_log_does_not_name_never_promote(tmp_path: Path) -> None:
    market = Market(tmp_path)
    market.weeks(2, champion=0.4, challenger=0.05, named=False)
    assert (market.verdict, market.live.champion) == ("insufficient", 1)
    assert "does not name the unit" in market.release.reason


def test_a_unit_counts_once_its_week_is_over(tmp_path: Path) -> None:
    market = Market(tmp_path)
    market.weeks(1, 0.3, 0.3)
    assert market.release.experiment["n"] == 0
    market.weeks(1, 0.3, 0.3)
    assert market.release.experiment["n"] == 600


@pytest.mark.parametrize("outcome", ["loss", "label"])
def test_without_units_each_request_is_one_and_the_outcome_may_be_the_label(tmp_path: Path, outcome: str) -> None:
    market = Market(tmp_path, unit=None, outcome=outcome)
    market.weeks(1, 0.4, 0.1)
    assert market.verdict == "pass"
