"""gradino's own project file and store, read as anybody else's: what is set up, what ran, what agrees.

`gradino.toml` declares; it is wired where the functions it names exist, because `gradino up` runs them. Rows of
`.gradino/state.db`, or of a PostgreSQL database that the caller names, show execution; a rung is effective where the
chain production → version → run → commit → data version resolves and its digests agree; a passed drill (table
`drills`) proves. Opened read-only; missing tables or columns are simply no evidence.
"""
# ruff: noqa: E501 - a table reads better unwrapped

import fnmatch
import hashlib
import json
import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gradino import maturity
from gradino.errors import EvidenceError
from gradino.measure.book import Book, Row, of_file, of_server
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.scene import Scene

SOURCE = "gradino"
_FRESH = timedelta(days=90)


def records(scene: Scene) -> list[tuple[str, Evidence]]:
    """Evidence by rung (track@level). Empty where the project has no gradino.toml, unless a store of its was named.

    Raises:
        EvidenceError: the store that the caller named is that of no project, or cannot be read.
    """
    project = _project(scene)
    if project is None and isinstance(scene.store, str):
        raise EvidenceError("--store is for a project on gradino; here is no gradino.toml.", "Name its folder.")
    if project is None:
        return []
    found = list(_set_up(scene, project))
    book = _book(scene)
    if book is not None:
        text = scene.tree.text(f"{scene.home}gradino.toml") or ""
        found += _ran(book, project, hashlib.sha256(text.encode()).hexdigest())
    return found


def _project(scene: Scene) -> Row | None:
    text = scene.tree.text(f"{scene.home}gradino.toml")
    if text is None:
        return None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        scene.tree.notes.append(f"{scene.home}gradino.toml: not valid TOML, not read")
        return None


def _set_up(scene: Scene, project: Row) -> Iterator[tuple[str, Evidence]]:
    def exists(name: object) -> bool:
        module, _, function = str(name).partition(":")
        path, rest = scene.code.find(module, f"{scene.home}gradino.toml")
        found = scene.code.module(path) if path and not rest else None
        return found is not None and function in found.functions

    data, training = _table(project, "data"), _table(project, "training")
    train, score = training.get("train", ""), _table(project, "scoring").get("score", "")
    source, asked = _source(data.get("source", ""))
    # what lies at a commit brings nothing new
    frozen = any(fnmatch.fnmatch(path, f"{scene.home}{source}") for path in scene.tree.sizes)
    collects = (asked and not frozen) or exists(source)
    trains = exists(train)

    def say(rung: str, says: str, holds: bool) -> tuple[str, Evidence]:
        strength = Strength.WIRED if holds else Strength.DECLARED
        missing = "" if holds else ", but what gradino.toml names for it is not there, or is a file at a commit"
        return rung, Evidence(SOURCE, f"{scene.home}gradino.toml", says + missing, strength)

    yield say(
        "creation.data-collection@4",
        f"gradino up collects with {source} every {data.get('every', 'interval')}",
        collects,
    )
    for rung, says in (
        (
            "creation.compute@4",
            f"gradino up trains on {training.get('compute', 'local')} compute in a locked environment",
        ),
        ("creation.experiments@4", "every run is tracked"),
        ("creation.versioning@4", "every run's model is registered"),
        ("creation.reproducibility@4", "a run pins environment, code and data version"),
        ("creation.training@3", "gradino up retrains without a person"),
        ("creation.training@4", "an alarm of the live model starts retraining"),
        ("release.process@4", "a candidate that passes is released without a further hand"),
        ("release.ownership@4", "gates stand before every deployment"),
        ("release.traceability@4", "a prediction leads back to the raw data"),
        ("release.environments@4", "the same bundle moves through test to production"),
        ("integration.builds@4", "every candidate is built into a bundle and deployed"),
        ("integration.model-tests@4", "every candidate must pass the gates"),
        ("operations.feedback@4", "feedback is joined, harm raises an alarm"),
        ("operations.metrics@4", "the live model's metrics are kept in the store"),
        ("operations.availability@4", "models are swapped while the server answers; roll back is one pointer"),
    ):
        yield say(rung, says, trains)
    if _table(project, "release").get("experiment", "shadow") != "none":
        yield say("release.experimentation@4", "challengers are compared on live traffic", trains)
    if score:
        yield say("release.scoring-script@1", f"{score} scores", exists(score))
    scored = [
        t
        for t in scene.tests.good
        if t.scoring or (score and str(score).partition(":")[2] in (scene.tree.text(t.path) or ""))
    ]
    if scored and trains:
        yield say("release.scoring-script@4", f"the gates run {scored[0].path}", True)
    if scene.tests.good and trains:
        yield say("integration.application-tests@2", f"the gates run {scene.tests.good[0].path}", True)
        yield say(
            "integration.application-tests@4", "the gates also ask a real scoring server in the test environment", True
        )


def _source(value: object) -> tuple[str, bool]:
    """Where rows come from, and whether gradino asks there itself: files, an address or a query, not a function."""
    if isinstance(value, dict):  # [data.source]
        return next((str(value[key]) for key in ("files", "url") if key in value), ""), bool(value)
    text = str(value)
    return text, bool(text) and ":" not in text.replace("://", "")


def _table(project: Row, name: str) -> Row:
    value = project.get(name)
    return value if isinstance(value, dict) else {}


def _book(scene: Scene) -> Book | None:
    """The store's rows: of the server that the caller named, else of the file beside the project, if there is one."""
    file = scene.store / ".gradino" / "state.db" if isinstance(scene.store, Path) else None
    try:
        if isinstance(scene.store, str):
            return of_server(scene.store)
        return of_file(file) if file and file.is_file() else None
    except OSError as error:
        scene.problems.append(str(error))
        return None


def _ran(book: Book, project: Row, settings: str) -> list[tuple[str, Evidence]]:
    chain = book.chain()
    agrees = bool(
        chain
        and chain[1].get("data_digest")
        and chain[1]["data_digest"] == chain[2].get("digest")
        and chain[0].get("bundle")
    )
    version, run = (chain[0], chain[1]) if chain else ({}, {})
    finished = [r for r in book["runs"] if r.get("status") == "finished"]
    served = {d.get("champion") for d in book["deployments"] if d.get("environment") == "production"}
    tested = {d.get("champion") for d in book["deployments"] if d.get("environment") == "test"}
    passed = [r for r in book["releases"] if r.get("stage") == "done" and r.get("verdict") == "pass"]
    release = next((r for r in book["releases"] if r.get("version") == version.get("number")), {})
    gates = [g for g in book["gates"] if g.get("release") == release.get("id")]
    refused = [g for g in book["gates"] if g.get("verdict") == "fail"]
    # A retraining is weighed against the rise of the live model's loss; each has a row of its own.
    weighed = {r.get("run") for r in book["retrainings"] if (r.get("promised") or 0) > 0}
    provoked = [r for r in finished if r.get("id") in weighed]
    compared = [r for r in book["releases"] if _object(r.get("experiment"))]
    judged = [d for d in book["decisions"] if d.get("kind") == "experiment"]
    pinned = [r for r in finished if r.get("environment") and r.get("data_digest") and r.get("code")]
    again = [r for r in book["reproductions"] if r.get("verdict") == "pass"]
    labelled = sum(int(p.get("labels") or 0) for p in book["profiles"])
    answered = sum(int(m.get("answered") or 0) for m in book["metrics"])
    failed = sum(int(m.get("failed") or 0) for m in book["metrics"])
    steady = answered > 0 and failed * 1000 <= answered
    learned = [i for i in book["incidents"] if i.get("closed") and i.get("improved_by") not in (None, "accepted")]
    said = f"production serves version {version.get('number')}, run {str(run.get('id', ''))[:12]}"

    # rung → (it ran, it changed what it should, where, words)
    seen: dict[str, tuple[bool, bool, str, str]] = {
        "creation.data-collection@4": (len(book["data_versions"]) > 0, len(book["data_versions"]) > 1 and agrees, "data_versions", f"{len(book['data_versions'])} batches collected"),
        "creation.compute@4": (bool(finished), bool(run.get("environment") and run.get("code")) and agrees, "runs", f"{len(finished)} runs finished in a pinned environment"),
        "creation.experiments@4": (any(_object(r.get("metrics")) for r in finished), bool(_object(run.get("metrics")) and run.get("tracker_run")), "runs", f"{len(finished)} tracked runs, the live model's among them"),
        "creation.versioning@4": (bool(book["versions"]), agrees and bool(run.get("commit")), "versions", f"{len(book['versions'])} versions; {said}"),
        "creation.reproducibility@4": (bool(pinned), agrees and any(r.get("version") in served for r in again), "reproductions", f"{len(pinned)} runs pin environment, code and data; {len(again)} models were trained again and came out the same"),
        "creation.training@3": (bool(finished), any(r.get("version") in served for r in finished), "runs", f"{len(finished)} trainings started by the loop"),
        "creation.training@4": (bool(provoked), any(r.get("version") in served for r in provoked), "runs", f"{len(provoked)} trainings answered a rise of the live loss"),
        "release.process@4": (bool(passed), any(r.get("version") in served for r in passed), "releases", f"{len(passed)} releases passed and went live"),
        "release.ownership@4": (bool(book["gates"]), bool(gates) and all(g.get("verdict") == "pass" for g in gates), "gates", f"{len(book['gates'])} gates judged, {len(refused)} refused"),
        "release.traceability@4": (chain is not None, agrees and bool(run.get("commit")), "deployments", f"{said}, data version {run.get('data_version')}"),
        "release.environments@4": (bool(tested and served), version.get("number") in tested and version.get("number") in served, "deployments", "the live version passed through test"),
        "release.experimentation@4": (bool(compared), any(d.get("verdict") in ("pass", "fail") for d in judged) or any(r.get("verdict") in ("pass", "fail") for r in compared), "releases", f"{len(compared)} comparisons on live traffic"),
        "release.scoring-script@4": (_gate(book["gates"], "service"), _gate(gates, "service"), "gates", "a server answered as training does before the release"),
        "integration.builds@4": (bool(book["versions"]), agrees, "versions", f"{len(book['versions'])} bundles built, the live one by digest"),
        "integration.application-tests@2": (_gate(book["gates"], "tests"), _gate(gates, "tests"), "gates", "the project's tests ran before the release"),
        "integration.application-tests@4": (_gate(book["gates"], "service"), _gate(gates, "service"), "gates", "a real server answered before the release"),
        "integration.model-tests@4": (bool(book["gates"]), bool(gates) and all(g.get("verdict") == "pass" for g in gates), "gates", f"{len(gates)} gates passed by the live version, {len(refused)} refused others"),
        "integration.independence@4": (bool(passed), any(r.get("version") in served for r in provoked), "releases", f"{len(passed)} releases made by the loop, {len(provoked)} of models that it trained by itself"),
        "operations.feedback@4": (bool(book["alarms"] or labelled), bool(provoked), "alarms", f"{labelled} labels of live answers, {len(book['alarms'])} alarms"),
        "operations.metrics@4": (bool(book["metrics"] or book["profiles"]), bool(labelled and answered), "metrics", f"{answered} answers counted with their latency, {labelled} with their loss"),
        "operations.availability@4": (len(served) > 1, len(served) > 1 and steady, "metrics", f"{len(served)} versions swapped in production, {failed} of {answered} answers failed"),
        "operations.learning@4": (bool(learned), bool(learned), "incidents", f"{len(learned)} incidents closed by an improvement"),
    }  # fmt: skip
    drilled = _drills(book, settings)
    found = []
    for rung, (executed, effective, table, words) in seen.items():
        if not executed:
            continue
        strength = Strength.EFFECTIVE if effective else Strength.EXECUTED
        if rung == "release.experimentation@4" and _table(project, "release").get("experiment") == "none":
            continue
        proof = maturity.load().track(rung.partition("@")[0]).proof
        if effective and proof and set(proof) <= drilled:
            strength, words = Strength.PROVEN, f"{words}; drill {', '.join(proof)} passed"
        found.append((rung, Evidence(SOURCE, f"{book.place}#{table}", words, strength)))
    return found


def _gate(gates: list[Row], name: str) -> bool:
    """Whether a gate was passed by something: one of no tests at all passes too."""
    passed = (_object(g.get("evidence")) for g in gates if g.get("name") == name and g.get("verdict") == "pass")
    return any(not isinstance(said, dict) or said.get("passed") != 0 for said in passed)


def _object(value: object) -> Any:
    """A JSON column as its value; None where it is empty or broken."""
    if isinstance(value, str | bytes):
        try:
            return json.loads(value)
        except ValueError:
            return None
    return value


def _drills(book: Book, settings: str) -> set[str]:
    """Drills that last passed, within 90 days of the newest record and with the gradino.toml of now (its SHA-256).

    One that could not say leaves the verdict before it standing; one that failed does not.
    """
    newest = max((t for name in book.tables for r in book[name] if (t := _time(r.get("at")))), default=None)
    told = [(at, d) for d in book["drills"] if (at := _time(d.get("at"))) and d.get("verdict") in ("pass", "fail")]
    last = {str(d.get("name")): (at, d) for at, d in sorted(told, key=lambda one: one[0])}
    return {
        name
        for name, (at, d) in last.items()
        if d["verdict"] == "pass" and newest and newest - at <= _FRESH and d.get("settings") in (None, settings)
    }


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        return None
