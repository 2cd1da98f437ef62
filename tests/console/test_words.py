"""Numbers and sentences."""

import math
from dataclasses import replace

import pytest

from gradino.console import words
from gradino.console.story import Experiment, Release
from tests.console import stories

FOUND = Experiment(n=216, evidence=21.0, against=0.1, mean=0.012, threshold=20.0, alpha=0.05, history=[])
RELEASE = Release(
    version=3,
    champion=2,
    stage="done",
    verdict="pass",
    status="champion",
    reason="why",
    weight=1.0,
    when=stories.day(0),
    gates=[],
    experiment=FOUND,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (0, "0"),
        (12345, "12,345"),
        (0.0, "0"),
        (12345.6, "12,346"),
        (41.27, "41.3"),
        (20.0, "20"),
        (-0.02134, "−0.0213"),
        (0.00001, "1e−05"),
    ],
)
def test_numbers(value: float | None, shown: str) -> None:
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(None, "–"), (0.0, "0 %"), (0.05, "5 %"), (0.9861, "98.6 %"), (0.99999, "99.9 %"), (1.0, "100 %")],
)
def test_percentages_never_claim_all_for_nearly_all(share: float | None, shown: str) -> None:
    assert words.percent(share) == shown


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "v3 beats v2: promoted after 216 labels; wrong with probability ≤ 5 %."),
        (
            {"stage": "ramp", "status": "challenger", "weight": 0.05},
            "v3 beats v2: on its way after 216 labels; wrong with probability ≤ 5 %.",
        ),
        (
            {"verdict": "fail", "status": "rejected", "experiment": replace(FOUND, against=20.5)},
            "v3 is worse than v2: rejected after 216 labels; wrong with probability ≤ 5 %.",
        ),
        (
            {"verdict": "insufficient", "status": "rejected", "reason": "not shown within 1000 labels"},
            "v3 against v2, 216 labels: not shown within 1000 labels.",
        ),
        (
            {"verdict": None, "stage": "experiment", "experiment": replace(FOUND, n=1, evidence=1.2)},
            "v3 listens beside v2: 1.20 of 20 after 1 label.",
        ),
        ({"verdict": None, "experiment": None}, "v3 listens beside v2; no label has come yet."),
        ({"verdict": None, "champion": None, "stage": "gates"}, "v3 is in the gates."),
        ({"champion": None, "experiment": None}, "v3 needed the gates only."),
        ({"status": "refused", "verdict": "fail"}, "v3 never met live traffic: a gate refused it."),
    ],
)
def test_one_sentence_for_each_release(changes: dict[str, object], says: str) -> None:
    assert words.sentence(replace(RELEASE, **changes)) == says  # type: ignore[arg-type]


def test_a_guarantee_is_claimed_only_where_the_evidence_reached_its_threshold() -> None:
    without = replace(RELEASE, experiment=replace(FOUND, evidence=19.9))
    assert "probability" not in words.sentence(without)
