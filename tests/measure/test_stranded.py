"""A tracker or a monitor in a class counts where something of the project makes one."""
# ruff: noqa: E501 - files read better unwrapped

import pytest

from tests.measure.test_collectors import levels

CLASS = (
    "import mlflow\n\n\nclass Tracker{}:\n    def keep(self, scores):\n        mlflow.log_metrics(scores)\n\n\n"
    "def {}():\n    tracker = {}\n    tracker.keep({{'f1': 1}})\n    mlflow.log_metric('f1', 1)\n\n\nif __name__ == '__main__':\n    {}()\n"
)
ALONE = CLASS.format("", "demo_usage", "Tracker()", "demo_usage")


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"tracker.py": ALONE}, 1),
        (
            {
                "tracker.py": ALONE,
                "tests/test_tracker.py": "from tracker import Tracker\n\n\ndef test_it():\n    Tracker()\n",
            },
            1,
        ),
        ({"lib/tracker.py": ALONE, "lib/__init__.py": "from lib.tracker import Tracker\n"}, 1),
        ({"tracker.py": ALONE, "run.py": "from tracker import Tracker\n\nTracker().keep({'f1': 1})\n"}, 4),
        ({"tracker.py": ALONE, "conf.yaml": "tracker:\n  _target_: tracker.Tracker\n"}, 4),
        ({"tracker.py": CLASS.format("", "report", "Tracker()", "report")}, 4),
        ({"tracker.py": CLASS.format("(Callback)", "demo_usage", "Tracker()", "demo_usage")}, 4),
    ],
)
def test_a_class_that_nothing_makes_tracks_nothing(files: dict[str, str], level: int) -> None:
    assert levels(files)("creation.experiments") == level


DRIFT = "from evidently.report import Report\n\n\ndef look():\n    return Report(metrics=[]).run(1, 2)\n\n\nlook()\n"
RUNS = "on: {}\njobs:\n  x:\n    runs-on: u\n    steps:\n      - run: python look.py\n"


@pytest.mark.parametrize(("when", "level"), [("{schedule: [{cron: '0 3 * * *'}]}", 4), ("[push]", 1)])
def test_a_change_of_the_code_measures_no_live_model(when: str, level: int) -> None:
    assert levels({"look.py": DRIFT, ".github/workflows/x.yml": RUNS.format(when)})("operations.metrics") == level
