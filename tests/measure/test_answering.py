"""What answers with a model without being an application in Python, and what only looks as if it did."""

# ruff: noqa: E501 - a table reads better unwrapped

import pytest

from tests.measure.test_collectors import levels

NONE = {"api.py": "x = 1\n"}
HANDLERS = "import json\n\n\ndef input_handler(data, context):\n    return json.dumps({{'inputs': data.read()}})\n\n\ndef {}(data, context):\n    return data.content, context.accept_header\n"


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({"inference.py": HANDLERS.format("output_handler")}, 1),
        ({"inference.py": HANDLERS.format("close")}, 0),  # input of another kind
        ({"serve.sh": "set -e\nmlflow models serve \\\n  -m models:/bikes/latest -p 5003\n"}, 1),
        ({"serve.sh": "# mlflow models serve -m models:/bikes/latest\nmlflow server --port 5002  # holds models\n"}, 0),
        ({"serve.sh": "echo 'now start: mlflow models serve -m models:/bikes/1'\n"}, 0),
        ({"Makefile": "serve:\n\tbentoml serve bikes:latest --model models/m.bento\n"}, 1),
    ],
)  # fmt: skip
def test_what_a_platform_or_a_tool_serves_counts_where_the_project_says_it(files: dict[str, str], level: int) -> None:
    assert levels(NONE | files)("release.scoring-script") == level


KEEPS = "from fastapi import FastAPI\nimport joblib\nfrom store import Store\n\napp = FastAPI()\nmodel = joblib.load('m')\nmodel.predict([0])\n\n\n@app.{}\ndef {}(x):\n    return Store().keep(x)\n"
STORE = "class Store:\n    def keep(self, x):\n        self.collection.insert_one(x)\n        return x\n"


@pytest.mark.parametrize(
    ("route", "name", "level"),
    [
        ("post('/classify')", "classify_text", 3),
        ("post('/models')", "create_classification_models", 0),
        ("post('/models')", "add_classifier", 0),
    ],
)
def test_only_what_a_model_answers_is_feedback_not_the_models_themselves(route: str, name: str, level: int) -> None:
    assert levels({"api.py": KEEPS.format(route, name), "store.py": STORE})("operations.feedback") == level


@pytest.mark.parametrize(
    ("writes", "level"),
    [
        ("spark.table('x').write.option('path', 'predictions').save()", 3),
        ("click.option('--to', help='where predictions go')(run)", 0),
    ],
)
def test_an_option_of_a_command_keeps_no_predictions(writes: str, level: int) -> None:
    files = {"predict.py": f"import click\nimport joblib\n\nmodel = joblib.load('m')\nmodel.predict(x)\n{writes}\n"}
    assert levels(NONE | files)("operations.feedback") == level
