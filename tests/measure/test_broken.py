"""What reading proves cannot work is not wired; its close look-alikes, which do work, are."""

# ruff: noqa: E501 - a table reads better unwrapped

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradino.measure.images import Image
from gradino.measure.tree import Tree
from tests.measure.decoys import GOOD, Files, R, T, add, both, change, measure
from tests.measure.decoys import tests_run as by_command

Change = Callable[[Files], Files]

_IMAGE = 'FROM python:3.12-slim\nWORKDIR /srv\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY bikes ./bikes\nCMD ["uvicorn", "bikes.api:app"]\n'
_LIST = "fastapi==0.115.0\nuvicorn[standard]\njoblib\nprometheus_client\n"
_BUILD = "      - uses: docker/build-push-action@v6\n        with:\n          push: true\n          tags: registry.example.org/bikes:${{ github.sha }}\n"
_BY_HAND = "      - uses: actions/checkout@v4\n{before}      - run: |\n          docker build -t registry.example.org/bikes:1 {options}.\n          docker push registry.example.org/bikes:1\n"


def built(image: str = _IMAGE, listed: str = _LIST, before: str = "", options: str = "") -> Change:
    """The release builds an image of its own Dockerfile."""
    steps = _BY_HAND.format(before=before, options=options)
    return both(change(R, _BUILD, steps), add("Dockerfile", image), add("requirements.txt", listed))


def copies(what: str) -> str:
    return _IMAGE.replace("COPY bikes ./bikes\n", f"COPY bikes ./bikes\nCOPY {what}\n")


_STAGES = "FROM node:22 AS page\nCOPY page ./\nRUN npm run build\n" + copies("--from=page /page ./page")


def space(image: str, before: str = "", sdk: str = "docker") -> Change:
    """The release pushes the commit to a Space, which builds an image of it."""
    push = "      - run: git push https://me:$TOKEN@huggingface.co/spaces/me/bikes main\n"
    return both(
        change(R, _BUILD, f"      - uses: actions/checkout@v4\n{before}{push}"),
        change(R, "      - run: kubectl --context", "      - run: echo --context"),
        add("Dockerfile", image.replace("CMD", "COPY model.pkl ./\nCMD")),
        add("model.pkl", "fitted"),
        add("requirements.txt", _LIST),
        add("README.md", f"---\ntitle: Bikes\nsdk: {sdk}\n---\n"),
    )


def checked(install: str, command: str = "pytest") -> Change:
    """Both test jobs on a bare Python, with what they install."""
    steps = f"      - uses: actions/setup-python@v5\n      - run: {install}\n      - run: {command}\n"
    return both(
        change(T, "      - run: uv sync --frozen\n      - run: uv run pytest\n", steps),
        change(R, "      - run: uv run pytest\n", steps),
        add("requirements.txt", "numpy\nfastapi\n"),
        add("requirements-dev.txt", "-r requirements.txt\npytest-cov\n"),
    )


def staged(steps: str) -> Change:
    """The release to staging does this first."""
    return change(
        R,
        "      - run: kubectl --context staging",
        f"      - uses: actions/checkout@v4\n{steps}      - run: kubectl --context staging",
    )


_CIRCLE = both(
    change("bikes/api.py", "import joblib\n", "import joblib\nfrom bikes.store import keep\n"),
    add("bikes/rows.py", "from bikes.store import keep\n\n\ndef row():\n    return keep\n"),
)
_OPEN = add("bikes/store.py", "from bikes.rows import row\n\n\ndef keep():\n    return row\n")
_NO_MINUTE = change("tests/test_features.py", "import hour\n", "import (\n    hour,\n    minute,\n)\n")
_OTHER = add(
    "tests/test_other.py", "from bikes.features import minute\n\n\ndef test_minute():\n    assert minute(1) == 2\n"
)

# What cannot work, what looks like it and works, and the rung (track@level) that only the second reaches.
BROKEN: dict[str, tuple[Change, Change, str]] = {
    "copy of a folder that is not there": (built(copies("gemini-app ./app")), built(copies("tests ./tests")), "integration.builds@4"),
    "copy of a file that an earlier step makes": (built(copies("model.bin .")), built(copies("model.bin ."), before="      - run: dvc pull model.bin.dvc\n"), "integration.builds@4"),
    "copy of a file that an unknown action fetches": (built(copies("model.bin .")), built(copies("model.bin ."), before="      - uses: robinraju/release-downloader@v1\n"), "integration.builds@4"),
    "copy of a file that the same step fetches": (built(copies("model.bin ."), before="      - run: echo get > /dev/null\n"), built(copies("model.bin ."), before="      - run: aws s3 cp s3://models/bikes model.bin\n"), "integration.builds@4"),
    "copy by a pattern or a build argument": (built(copies("a.bin b.bin ./")), built(copies("*.bin $EXTRA ./")), "integration.builds@4"),
    "copy of what is left out": (both(built(copies("tests ./tests")), add(".dockerignore", "docs\ntests/\n")), both(built(copies("tests ./tests")), add(".dockerignore", "docs\ntests/*\n!tests/*.py\n")), "integration.builds@4"),
    "copy from another stage": (built(copies("/venv /venv")), built(copies("--from=builder /venv /venv")), "integration.builds@4"),
    "copy in a stage that the last one needs": (built(_STAGES), built(_STAGES.replace(" --from=page /page", " tests")), "integration.builds@4"),
    "copy of a file behind a question to the cloud": (built(copies("model.bin ."), before='      - run: V=$(az ml model show --name bikes --query version -o tsv)\n'), built(copies("model.bin ."), before='      - run: V=$(az ml model download --name bikes --query version -o tsv)\n'), "integration.builds@4"),
    "copy of a file behind an installation": (built(copies("model.bin ."), before="      - run: sudo apt-get update && pip install dvc && echo a=b >> $GITHUB_OUTPUT\n"), built(copies("model.bin ."), before="      - run: sudo apt-get update && pip install dvc && echo a=b >> model.bin\n"), "integration.builds@4"),
    "Space whose image cannot be built": (space(copies("page ./page")), space(copies("tests ./tests")), "release.process@4"),
    "Space whose model is not in git": (both(space(copies("tests ./tests")), change("Dockerfile", "COPY model.pkl ./\n", "")), space(copies("tests ./tests")), "release.process@4"),
    "script that the image lacks": (built(_IMAGE.replace('"uvicorn", "bikes.api:app"', '"python", "api.py"')), built(_IMAGE.replace('"uvicorn", "bikes.api:app"', '"python", "bikes/api.py"')), "release.process@4"),
    "module that the image lacks": (built(_IMAGE.replace("bikes.api", "api.main")), built(_IMAGE.replace("bikes.api", "api.main"), "fastapi\nuvicorn\nmystery\n"), "release.process@4"),
    "Space that is not built of the Dockerfile": (space(copies("page ./page")), space(copies("page ./page"), sdk="gradio"), "release.process@4"),
    "Space to which the job adds what it pushes": (space(copies("page ./page")), space(copies("page ./page"), "      - run: make page && git commit -am page\n"), "release.process@4"),
    "Dockerfile that is not there": (built(options="-f docker/Dockerfile "), both(built(options="-f docker/Dockerfile "), add("docker/Dockerfile", _IMAGE)), "integration.builds@4"),
    "build whose failure is swallowed": (built(copies("app .")), built(copies("app ."), options=". || true; echo "), "integration.builds@4"),
    "package that nothing installs": (built(listed="fastapi\nuvicorn\njoblib\n"), built(listed="fastapi\nuvicorn\njoblib\nmystery\n"), "release.process@4"),
    "package that another one brings": (built(listed="fastapi\nuvicorn\nprometheus_client\n"), built(listed="fastapi\nuvicorn\nprometheus_client\nscikit-learn\n"), "release.process@4"),
    "package that the base image may hold": (built(listed="fastapi\n"), built(_IMAGE.replace("python:3.12-slim", "company/base:3"), "fastapi\n"), "release.process@4"),
    "server that nothing installs": (built(listed="flask\njoblib\n"), built(_IMAGE.replace("RUN pip", "RUN conda install uvicorn\nRUN pip"), "flask\njoblib\n"), "release.process@4"),
    "own package that is not copied": (both(built(), change("bikes/api.py", "import joblib\n", "import joblib\nimport tests.rows\n")), both(built(copies("tests ./tests")), change("bikes/api.py", "import joblib\n", "import joblib\nimport tests.rows\n"), add("tests/rows.py", "")), "release.process@4"),
    "import that may fail": (both(built(), change("bikes/api.py", "import joblib\n", "import joblib\nimport mlflow\n")), both(built(), change("bikes/api.py", "import joblib\n", "import joblib\ntry:\n    import mlflow\nexcept ImportError:\n    mlflow = None\n")), "release.process@4"),
    "circle of imports": (both(built(), _CIRCLE, _OPEN), both(built(), _CIRCLE, add("bikes/store.py", "def keep():\n    from bikes.rows import row\n    return row\n")), "release.process@4"),
    "circle that closes in time": (both(built(), _CIRCLE, _OPEN), both(built(), _CIRCLE, add("bikes/store.py", "def keep():\n    return row\n\n\nfrom bikes.rows import row\n")), "release.process@4"),
    "test tool that nothing installs": (checked("pip install -r requirements.txt"), checked("pip install -r requirements-dev.txt"), "integration.application-tests@2"),
    "test module without its tool": (checked("python -m pip install numpy", "python -m pytest tests"), checked("sudo pip install numpy pytest", "python -m pytest tests"), "integration.application-tests@2"),
    "test tool that the project's extra brings": (checked("pip install numpy black"), checked("pip install -e .[dev]"), "integration.application-tests@2"),
    "list of requirements that is not there": (checked("pip install -r requirements/test.txt pytest"), both(checked("pip install -r requirements/test.txt pytest"), add("requirements/test.txt", "numpy\n")), "integration.application-tests@2"),
    "test of what its module does not hold": (_NO_MINUTE, both(_NO_MINUTE, add("bikes/features.py", "minute = hour\n")), "integration.application-tests@2"),
    "test of what a star may bring": (_NO_MINUTE, both(_NO_MINUTE, add("bikes/features.py", "from bikes.clock import *\n")), "integration.application-tests@2"),
    "test that copes with what is missing": (_NO_MINUTE, change("tests/test_features.py", "\n\n\ndef", "\ntry:\n    from bikes.features import minute\nexcept ImportError:\n    minute = None\n\n\ndef"), "integration.application-tests@2"),
    "file at which a run stops": (_OTHER, both(_OTHER, by_command("uv run pytest --ignore=tests/test_other.py")), "integration.application-tests@2"),
    "task definition that is not there": (staged("      - uses: aws-actions/amazon-ecs-render-task-definition@v1\n        with: {task-definition: task.json}\n"), staged("      - uses: aws-actions/amazon-ecs-render-task-definition@v1\n        with: {task-definition: pyproject.toml}\n"), "release.process@4"),
    "script that is not there": (staged("      - run: bash scripts/login.sh\n"), both(staged("      - run: bash scripts/login.sh\n"), add("scripts/login.sh", "true\n")), "release.process@4"),
    "folder that is not there": (staged("      - run: terraform init\n        working-directory: infra\n"), both(staged("      - run: terraform init\n        working-directory: infra\n"), add("infra/main.tf", "")), "release.process@4"),
    "folder that is entered": (staged("      - run: cd deploy && ls\n"), staged("      - run: mkdir deploy && cd deploy && ls\n"), "release.process@4"),
    "action of its own that is not there": (staged("      - uses: ./.github/actions/login\n"), both(staged("      - uses: ./.github/actions/login\n"), add(".github/actions/login/action.yml", "runs:\n  using: composite\n  steps: []\n")), "release.process@4"),
    "failing step that may fail": (staged("      - run: bash scripts/login.sh\n"), staged("      - run: bash scripts/login.sh\n        continue-on-error: true\n"), "release.process@4"),
    "script that is there on another branch": (staged("      - run: bash scripts/login.sh\n"), both(staged("      - run: bash scripts/login.sh\n"), change(R, "  staging:\n    needs: build\n    environment: staging\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n", "  staging:\n    needs: build\n    environment: staging\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n        with: {ref: scripts}\n")), "release.process@4"),
    "job behind one that cannot work": (staged("      - run: bash scripts/login.sh\n"), both(staged("      - run: bash scripts/login.sh\n"), change(R, "    needs: staging\n", "    needs: staging\n    if: always()\n")), "release.process@4"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_work_is_not_wired_and_its_look_alike_is(name: str) -> None:
    decoy, works, rung = BROKEN[name]
    track, level = rung.split("@")
    assert measure(works(dict(GOOD))).track(track).level.wired >= int(level)
    assert measure(decoy(dict(GOOD))).track(track).level.wired < int(level)


def test_evidence_says_why_it_cannot_work() -> None:
    found = measure(built(copies("gemini-app ./app"))(dict(GOOD)))
    said = [e for r in found.track("integration.builds").rungs for e in r.evidence if "cannot work" in e.says]
    assert said
    assert "Dockerfile copies gemini-app, which is not there" in said[0].says
    assert said[0].locator.startswith(".github/workflows/release.yml:")
    assert {e.strength for e in said} == {"declared"}


def test_what_stands_before_the_failing_command_still_happens() -> None:
    late = change(R, _BUILD, _BUILD + "      - uses: actions/checkout@v4\n      - run: bash scripts/announce.sh\n")
    found = measure(late(dict(GOOD)))
    assert found.track("integration.builds").level.wired == 4  # the image is published
    assert found.track("release.process").level.wired < 4  # and the jobs behind it never begin


_WORDS = st.sampled_from(["FROM", "COPY", "RUN", "CMD", "ENV PYTHONPATH", "WORKDIR", "python:3", "pip install -r", "[", '"', "a", "a.py", "..", "/", ".", "-m", "uvicorn", "a:b", "$X", "\\", "\n"])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(_WORDS, max_size=20), st.text(alphabet="a*!/.[\\\n", max_size=8))
def test_any_dockerfile_is_read(words: list[str], ignored: str) -> None:
    files = {"Dockerfile": " ".join(words), ".dockerignore": ignored, "a": "-r a", "a.py": "import a\nfrom . import b"}
    blobs = {p: t.encode() for p, t in files.items()}
    image = Image(Tree("", {p: len(b) for p, b in blobs.items()}, blobs.get), "Dockerfile", "")
    assert isinstance(image.missing() + image.fault(), str)
