"""Models that are trained as an image is built, each with a twin whose image trains nothing or is thrown away."""

import pytest

from tests.measure.test_collectors import levels

TRAIN = "from sklearn.svm import SVC\n\n\nif __name__ == '__main__':\n    SVC().fit(1, 2)\n"
IMAGE = "FROM python:3.12-slim\nWORKDIR /app\nCOPY src .\nRUN {}\nCMD python api.py\n"
PUSH = "on: push\njobs:\n  x:\n    runs-on: u\n    steps:\n      - uses: actions/checkout@v4\n      - {}\n"
BUILD = "run: docker build -t a/b . && docker push a/b"
ACTION = "uses: docker/build-push-action@v6\n        with: {{context: ., push: {}}}"


@pytest.mark.parametrize(
    ("step", "command", "level"),
    [
        (BUILD, "python train.py", 3),
        (BUILD, "pip install scikit-learn && python train.py", 3),
        (BUILD, 'python -c "import train"', 1),
        (BUILD, "python show.py", 1),
        (BUILD.replace(" && docker push a/b", ""), "python train.py", 1),
        (ACTION.format("true"), "python train.py", 3),
        (ACTION.format("false"), "python train.py", 1),
    ],
)
def test_a_model_that_its_image_trains(step: str, command: str, level: int) -> None:
    files = {
        "src/train.py": TRAIN,
        "src/show.py": "print('x')\n",
        "src/api.py": "print('y')\n",
        "Dockerfile": IMAGE.format(command),
        ".github/workflows/x.yml": PUSH.format(step),
    }
    assert levels(files)("creation.training") == level
