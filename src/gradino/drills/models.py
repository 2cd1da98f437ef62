"""Drills about models: a better one goes live by itself, a broken or worse one never does, and drift is answered."""

import time
from functools import partial

from gradino.drills.rehearsal import Rehearsal
from gradino.drills.result import Drill, Insufficient, said
from gradino.drills.rows import drifted
from gradino.outside.traffic import Answered

_ALARM = 45  # days of event time, at most, until harm is seen
_SHARES = (0.04, 0.015, 0.006)  # of wrong labels, until the gates have nothing against the model
_RECENT = 100  # answers, at least, over which a mean error is taken


def promote(town: Rehearsal, drill: Drill) -> None:
    """A better commit reaches production through train, test and production; after it no hand is needed."""
    before = town.champion
    town.live(days=1)
    town.idle()
    town.copy.settle("The project's own training", training={"train": town.copy.settings["training"]["train"]})
    drill.inject(
        f"a commit brings the project's own training; v{before}, live, was taught {town.handicap:.0%} wrong labels"
    )
    began = time.monotonic()
    version = town.train("a commit: the project's own training")
    drill.see(f"v{version} is trained", version=version)
    gates = town.judged(version)
    drill.check(gates["verdict"] == "pass", f"the gates of v{version}: {said(gates)}")
    if gates["verdict"] != "pass":
        return
    won = town.released(version)
    judged = town.decision("experiment", version)
    if not won or judged is None:
        drill.check(False, f"v{version}: {said(judged or gates)}")
        return
    town.done["swapped"] = (before, version)
    beats = town.pulse.since(began)
    failed = sum(beat.answer is None for beat in beats)
    drill.check(failed == 0, f"{len(beats):,} requests beside it were answered, {failed} failed", requests=len(beats))
    certificates = [town.command("decisions", d["id"])["certificate"]["inputs"] for d in (gates, judged)]
    found = town.command("trace", next(beat.answer.id for beat in beats[::-1] if beat.answer))
    live = next(link["digest"] for link in found["links"] if link["kind"] == "bundle")
    digests = {
        "test": certificates[0]["bundle"],
        "experiment": certificates[1]["challenger"],
        "production": live,
    }
    says = ", ".join(f"{name} {digest[:12]}" for name, digest in digests.items())
    drill.check(len(set(digests.values())) == 1, f"the same bundle everywhere: {says}", **digests)
    drill.check(town.champion == version, f"v{version} is champion: {said(judged)}")


def gate(town: Rehearsal, drill: Drill) -> None:
    """A commit whose model has learnt nothing, and one that breaks the project's tests, are refused and never live."""
    live = town.champion
    town.idle()
    began = time.monotonic()
    town.copy.train_with(1.0, "Sort the labels anew")
    drill.inject("a commit trains on labels that are all shuffled: the model has learnt nothing")
    _refused(town, drill, town.train("a commit: labels sorted anew"), "it has learnt nothing")
    town.copy.revert()
    name = "tests/test_of_the_drill.py"
    (town.root / "tests").mkdir(exist_ok=True)
    (town.root / name).write_text("def test_that_what_the_commit_broke_works():\n    assert 1 == 2\n")
    town.copy.commit("Break what a test looks at")
    drill.inject(f"a commit breaks what a test looks at: {name} fails")
    _refused(town, drill, town.train("a commit: a test fails"), "a test fails")
    town.copy.revert()
    served = {beat.answer.version for beat in town.pulse.since(began) if beat.answer}
    drill.check(served == {live}, f"only v{live} answered all the while", answered_by=sorted(served))


def bad_model(town: Rehearsal, drill: Drill) -> None:
    """A model that is a little worse, and that the gates have nothing against, does not survive live traffic."""
    live = town.champion
    began = time.monotonic()
    for share in _SHARES:
        town.idle()
        town.teach(share, "A faster way to label")
        drill.inject(f"a commit teaches the model {share:.1%} wrong labels")
        version = town.train("a commit: a faster way to label")
        gates = town.judged(version)
        town.copy.revert()
        drill.see(f"the gates of v{version}: {said(gates)}")
        if gates["verdict"] != "pass":
            continue
        won = town.released(version)
        judged = town.decision("experiment", version)
        drill.check(not won, f"after live traffic: {said(judged)}" if judged else f"v{version} became champion")
        served = {beat.answer.version for beat in town.pulse.since(began) if beat.answer}
        drill.check(version not in served, f"v{version} has answered nobody", answered_by=sorted(served))
        drill.check(town.champion == live, f"v{live} is champion still")
        return
    raise Insufficient("the gates refused every worse model, so none came to live traffic")


def drift(town: Rehearsal, drill: Drill) -> None:
    """When the world changes, an alarm is raised, a model is retrained, proven and promoted, and errors fall again."""
    town.idle()
    live, before = town.champion, town.status()
    assert live is not None
    change, says = drifted(town.rows)
    town.live(until=lambda: len(town.labels) >= _RECENT)
    town.truth()
    first = len(town.answered)
    normal = _error(town, [answer for answer in town.answered if answer.id in town.labels][-_RECENT:])
    town.rows.drift = change
    drill.inject(says)
    days = town.live(until=lambda: town.status()["alarms"] > before["alarms"], at_most=_ALARM)
    if town.status()["alarms"] == before["alarms"]:
        drill.check(False, f"no alarm was raised within {days} days of event time")
        return
    drill.check(True, f"the alarm was raised after {days} days of event time", days_to_alarm=days)
    harmed = _error(town, town.answered[first:])
    drill.see(f"the mean error was {normal:.4g} before, and {harmed:.4g} since", before=normal, harmed=harmed)
    retraining = town.copy.project.retraining
    patience = 2 * town.days_for(retraining.min_labels) + retraining.cooldown.days
    asked = before["retrains"]
    while town.champion == live:
        waited = town.live(until=partial(_answered, town, live, asked), at_most=patience)
        days, asked = days + waited, town.status()["retrains"]
        if waited >= patience:
            why = said(town.decision("retraining", live) or {"verdict": "insufficient", "reasons": ["never weighed"]})
            drill.check(False, f"no retraining was asked for within {waited} days of event time: {why}")
            return
        if town.champion == live:
            drill.see(f"after {days} days a retraining is asked for")
            town.settled()
    version = town.champion
    assert version is not None
    judged = town.decision("experiment", version)
    says = said(judged) if judged else "without an experiment"
    drill.check(judged is not None, f"after {days} days v{version} is champion: {says}")
    after = len(town.answered)
    town.live(until=lambda: len(town.answered) - after >= _RECENT)
    town.truth()
    healed = _error(town, town.answered[after:])
    drill.check(
        healed < harmed, f"the mean error fell from {harmed:.4g} to {healed:.4g}", healed=healed, days_to_champion=days
    )


def _answered(town: Rehearsal, live: int | None, retrains: int) -> bool:
    """Whether another model has become champion, or another retraining is asked for."""
    return town.champion != live or town.status()["retrains"] > retrains


def _refused(town: Rehearsal, drill: Drill, version: int, why: str) -> None:
    gates = town.judged(version)
    drill.check(gates["verdict"] == "fail", f"v{version}, {why}: {said(gates)}")


def _error(town: Rehearsal, answers: list[Answered]) -> float:
    """Mean absolute error, or share of wrong classes, of answers whose truth the rehearsal knows."""
    known = [(answer.value, town.labels[answer.id]) for answer in answers if answer.id in town.labels]
    if not known:
        raise Insufficient("no label of these answers is known")
    if town.rows.identity.task == "regression":
        return sum(abs(float(value) - float(truth)) for value, truth in known) / len(known)
    return sum(str(value) != str(truth) for value, truth in known) / len(known)
