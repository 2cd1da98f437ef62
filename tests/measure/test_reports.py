"""Reports show what was judged, in two languages, and stand on their own."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner

from gradino.cli.assess import assess as assess_command
from gradino.cli.interview import interview as interview_command
from gradino.cli.plan import plan as plan_command
from gradino.errors import EvidenceError
from gradino.measure import assess, portfolio, trend
from gradino.measure.plan import NEEDS, plan
from gradino.measure.reports import badge, html, markdown, sarif
from tests.measure.decoys import GOOD

Maker = Callable[..., Path]


def cli(command: Callable[..., None], *arguments: str) -> tuple[int, str, str]:
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, EvidenceError):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("language", ["en", "it"])
def test_the_page_loads_nothing_and_names_every_track(repository: Maker, language: str) -> None:
    page = html.report(assess(repository(GOOD)), "it" if language == "it" else "en")
    assert not re.search(r"""(src|href)=["']""", page)
    assert "<script" not in page
    assert ("Training compute" if language == "en" else "Calcolo per il training") in page
    ElementTree.fromstring(re.search(r"<svg.*?</svg>", page, re.S)[0])  # type: ignore[index]


def test_names_of_the_measured_project_cannot_inject(repository: Maker) -> None:
    found = assess(repository({"<script>alert(1)</script>.py": "x = 1\n"}, "<b>x"))
    assert "<b>x" not in html.report(found)
    assert "<b>" not in markdown.report(found)


def test_sarif_points_at_files(repository: Maker) -> None:
    files = GOOD | {
        ".github/workflows/release.yml": GOOD[".github/workflows/release.yml"].replace(
            "apply -f", "apply --dry-run=client -f"
        )
    }
    document = json.loads(sarif.report(assess(repository(files))))
    assert document["version"] == "2.1.0"
    results = {r["ruleId"]: r for r in document["runs"][0]["results"]}
    assert "release.process@2" in results or "release.process@4" in results
    assert {r["id"] for r in document["runs"][0]["tool"]["driver"]["rules"]} == set(results)


def test_the_badge_is_a_picture(repository: Maker) -> None:
    assert "level" in ElementTree.fromstring(badge.report(assess(repository(GOOD)))).attrib["aria-label"]


def test_a_plan_orders_what_leans_on_what(repository: Maker) -> None:
    found = assess(repository({"train.py": "x = 1\n"}))
    made = plan(found)
    order = [i.track for x in made.increments for i in x.items if i.held == found.track(i.track).level.wired]
    for increment in made.increments:
        assert 1 <= len(increment.items) <= 4
        for item in increment.items:
            assert item.check.endswith(f"{item.track}@{item.level}")
            assert item.days[0] <= item.days[1]
    first = {t: order.index(t) for t in order}
    for track, needs in NEEDS.items():
        same = {x.level: {i.track for i in x.items} for x in made.increments}
        for need in needs:
            level = next((lv for lv, ts in same.items() if track in ts and need in ts), None)
            if level is not None:
                assert first[need] < first[track]
    assert max(x.level for x in plan(found, to=2).increments) <= 2


def test_a_plan_names_every_file_of_the_evidence(repository: Maker) -> None:
    pod = "{containers: [{command: [python, train.py]}]}"
    job = f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: fit}}\nspec: {{template: {{spec: {pod}}}}}\n"
    jobs = {f"k8s/fit{n}.yaml": job for n in range(6)}
    made = plan(assess(repository({"train.py": "from sklearn.svm import SVC\nSVC().fit(x, y)\n", **jobs})))
    files = next(i.files for x in made.increments for i in x.items if i.track == "creation.training")
    assert set(jobs) <= set(files)


def test_a_finished_project_has_nothing_to_do(repository: Maker) -> None:
    made = plan(assess(repository(GOOD)), to=0)
    assert made.increments == ()


def test_the_plan_command_speaks_four_formats(repository: Maker) -> None:
    root = str(repository(GOOD))
    assert "Plan" in cli(plan_command, root)[1]
    assert "# Piano" in cli(plan_command, root, "--format", "markdown", "--lang", "it")[1]
    assert json.loads(cli(plan_command, root, "--json")[1])["schema"] == "gradino.plan/1"
    assert "<!doctype html>" in cli(plan_command, root, "--format", "html")[1]
    with pytest.raises(EvidenceError, match="format"):
        cli(plan_command, root, "--format", "nope")


def test_a_regression_is_named_with_its_commit(repository: Maker, commit: Callable[..., None]) -> None:
    root = repository(GOOD)
    commit(root, {".github/workflows/release.yml": None}, "Drop CD")
    points = trend.history(root)
    assert ("release.process", 4) in {(t, was) for t, was, _, _ in trend.falls(points)}
    code, _, said = cli(assess_command, str(root), "--no-regress", "HEAD~1")
    assert code == 1
    assert "release.process fell from 4" in said
    assert cli(assess_command, str(root), "--no-regress", "HEAD")[0] == 0
    assert "Drop CD" in cli(assess_command, str(root), "--history")[1]


def test_a_change_cannot_exempt_itself(repository: Maker, commit: Callable[..., None]) -> None:
    text = "".join(
        f'[[exemption]]\ntrack = "{t.id}"\nlevel = 4\nreason = "x"\napprover = "me"\nexpires = 2030-01-01\n'
        for t in assess(repository(GOOD)).tracks
    )
    root = repository(GOOD)
    commit(root, {".github/workflows/release.yml": None, "gradino-exemptions.toml": text}, "Drop CD, exempt myself")
    assert cli(assess_command, str(root), "--no-regress", "HEAD~1")[0] == 1


def test_a_required_rung_decides_the_exit_code(repository: Maker) -> None:
    root = str(repository(GOOD))
    assert cli(assess_command, root, "--require", "creation.training@4")[0] == 0
    code, _, said = cli(assess_command, root, "--require", "people.data-scientists@4")
    assert (code, "stands on 1" in said) == (1, True)
    with pytest.raises(EvidenceError, match="no track"):
        cli(assess_command, root, "--require", "nope@1")


@pytest.mark.parametrize("kind", ["markdown", "html", "sarif", "badge", "terminal"])
def test_every_format_can_be_written(repository: Maker, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "report"
    assert cli(assess_command, str(repository(GOOD)), "--format", kind, "--output", str(target))[0] == 0
    assert target.stat().st_size > 100


def test_many_projects_become_a_heat_map(repository: Maker, tmp_path: Path) -> None:
    good, poor = repository(GOOD, "good"), repository({"a.py": "x = 1\n"}, "poor")
    listed = tmp_path / "projects.txt"
    listed.write_text(f"# ours\n{good}\n{poor}\n")
    found, silent = portfolio.measure([(good, ""), (poor, ""), (tmp_path / "nothing", "")])
    assert [a.subject.name for a in found] == ["good", "poor"]
    assert len(silent) == 1
    assert portfolio.commonest_gap(found)[2] >= 1
    assert "good" in cli(assess_command, "--list", str(listed))[1]
    page = cli(assess_command, str(good), str(poor), "--format", "html")[1]
    assert ("<svg" in page, "Most common gap" in page) == (True, True)
    assert len(json.loads(cli(assess_command, str(good), str(poor), "--json")[1])) == 2
    table = cli(assess_command, str(good), str(poor), "--format", "markdown", "--lang", "it")[1]
    assert "| poor |" in table
    assert "Lacuna più comune" in table
    cli(assess_command, str(good), str(poor), "--output", str(tmp_path / "map.txt"))
    assert "poor" in (tmp_path / "map.txt").read_text()


def test_of_many_projects_one_that_is_wrong_is_named_and_the_others_are_measured(
    repository: Maker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    good, poor = str(repository(GOOD, "good")), str(repository({"a.py": "x = 1\n"}, "poor"))
    code, shown, said = cli(assess_command, good, poor, str(tmp_path / "nothing"))
    assert (code, "nothing" in said, "good" in shown) == (1, True, True)
    code, _, said = cli(assess_command, good, poor, "--require", "creation.training@4")
    assert (code, "poor: creation.training stands on" in said) == (1, True)
    with pytest.raises(EvidenceError, match="take one project"):
        cli(assess_command, good, poor, "--history")
    monkeypatch.setattr(portfolio, "assess", lambda *_, **__: 1 // 0)
    found, silent = portfolio.measure([(tmp_path, "")])
    assert (found, "ZeroDivisionError" in silent[0]) == ([], True)


def test_the_projects_of_a_monorepo_are_measured_without_their_siblings(repository: Maker) -> None:
    train = "from sklearn.linear_model import Ridge\nRidge().fit([[0]], [0])\n"
    steps = "{runs-on: ubuntu-latest, steps: [{run: python churn/train.py}]}"
    workflow = f"on: {{schedule: [{{cron: '0 3 * * *'}}]}}\njobs: {{train: {steps}}}\n"
    both = {f"{x}/train.py": train for x in ("churn", "fraud")} | {f"{x}/setup.py": "" for x in ("churn", "fraud")}
    root = repository({**both, ".github/workflows/train.yml": workflow}, "many")
    whole = assess(root)
    assert (whole.subject.kind, whole.subject.projects) == ("monorepo", ("churn", "fraud"))
    levels = {name: assess(root / name).track("creation.training").level.wired for name in whole.subject.projects}
    assert levels == {"churn": 3, "fraud": 1}  # the workflow stands outside both folders and trains one of them
    shown = cli(assess_command, str(root), "--each", "--json")[1]
    assert [x["subject"]["name"] for x in json.loads(shown)] == ["churn", "fraud"]
    with pytest.raises(EvidenceError, match="one project"):
        cli(assess_command, str(repository(GOOD)), "--each")


def test_the_interview_command_writes_a_file(tmp_path: Path) -> None:
    answers = tmp_path / "a.toml"
    answers.write_text('[people.data-scientists]\nlevel = 3\nlink = "https://example.org"\n')
    code, said, _ = cli(
        interview_command, str(tmp_path), "--person", "Ada", "--role", "lead", "--answers", str(answers)
    )
    assert (code, "1 answers" in said) == (0, True)
    answers.write_text("[people.data-scientists]\nlevel = 9\n")
    with pytest.raises(EvidenceError, match="level"):
        cli(interview_command, str(tmp_path), "--person", "Ada", "--role", "lead", "--answers", str(answers))
