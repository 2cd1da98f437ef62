"""Drills about the service: it answers while models change and processes die, and says of itself what is true."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
from deltalake import DeltaTable

from gradino.drills.rehearsal import Rehearsal
from gradino.drills.result import Drill, Insufficient
from gradino.outside.commands import ask, command
from gradino.outside.traffic import Answered, read

_QUICK = 1.0  # seconds that a roll back may take
_BAD, _GOOD = 30, 120  # requests of the drill `observe`, at least
_MODULES = {"operate.serving": "the scoring server", "console": "the page"}


def no_downtime(town: Rehearsal, drill: Drill) -> None:
    """Models are swapped and rolled back under constant traffic: no request fails, and a roll back takes a moment."""
    if "swapped" not in town.done:
        raise Insufficient("there is no second model to swap with: see the drill promote")
    old, new = town.done["swapped"]
    began = time.monotonic()
    _roll_back(town, drill, new, old)
    _roll_back(town, drill, old, new)
    beats = town.pulse.since(began)
    failed = [beat for beat in beats if beat.answer is None]
    slow = max((beat.took for beat in beats), default=0.0)
    says = f"of {len(beats)} requests {len(failed)} failed; the slowest took {slow:.2f} s"
    drill.check(len(beats) > 10 and not failed, says, requests=len(beats), failed=len(failed))


def _roll_back(town: Rehearsal, drill: Drill, before: int, after: int) -> None:
    drill.inject(f"gradino rollback, from v{before} to v{after}, while requests come")
    champion = ask("rollback", str(town.root), "--reason", "a drill")["champion"]
    town.wait(lambda: town.champion == champion, f"v{after} answers")
    time.sleep(1.0)
    decided = [d for d in town.command("decisions", "--newest", "5") if d["kind"] == "rollback"]
    moment = _monotonic(decided[-1]["at"])
    late = [beat.at for beat in town.pulse.since(moment) if beat.answer and beat.answer.version == before]
    seconds = max(max(late, default=moment) - moment, 0.0)
    says = f"v{before} answered for {seconds:.2f} s after the decision, then v{after}"
    drill.check(champion == after and seconds < _QUICK, says, rollback_seconds=round(seconds, 3))


def crash(town: Rehearsal, drill: Drill) -> None:
    """Processes are killed one by one: answers go on, what was acknowledged is in the log once, work is finished."""
    acknowledged: list[Answered] = []
    requests = town.rows.asked(town.rows.day(), town.inputs) * 4
    before = town.traffic.failed
    worker = int(town.serving()["pid"])
    drill.inject(f"kill -9 of the scoring worker, process {worker}, while 8 clients ask")
    killed = False
    for start in range(0, len(requests), 24):
        acknowledged += [a for a in town.traffic.score(requests[start : start + 24]) if a]
        if not killed and acknowledged:
            os.kill(worker, signal.SIGKILL)
            killed = True
    seconds = town.wait(lambda: town.serving().get("pid") not in (None, worker), "another worker answers")
    drill.see(f"{town.traffic.failed - before} of {len(requests)} requests were cut off with it")
    acknowledged += [a for a in town.traffic.score(requests[:24]) if a]
    drill.check(
        len(acknowledged) > 24,
        f"answers went on, {seconds:.1f} s after the last request",
        cut=town.traffic.failed - before,
    )
    _work_goes_on(town, drill)
    for module, name in _MODULES.items():
        _killed_and_back(town, drill, module, name)
        acknowledged += [a for a in town.traffic.score(requests[:24]) if a]
    drill.inject(f"kill -9 of `gradino up` itself, process {town.process.pid}")
    family = psutil.Process(town.process.pid).children(recursive=True)
    town.process.kill()
    town.process.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    drill.check(not alive, f"its {len(family)} processes ended with it")
    town.up()
    seconds = town.wait(town.traffic.healthy, "the model answers again")
    drill.see(f"started again, the model answers after {seconds:.1f} s")
    acknowledged += [a for a in town.traffic.score(requests[:24]) if a]
    acknowledged += [beat.answer for beat in town.pulse.beats if beat.answer]
    ids = {answer.id for answer in [*acknowledged, *town.answered]}
    town.comes(lambda: ids <= _logged(town.root).keys(), 60)
    found = _logged(town.root)
    lost, twice = len(ids - found.keys()), sum(found.get(key, 0) > 1 for key in ids)
    says = f"of {len(ids):,} acknowledged predictions {lost} are missing in the log and {twice} are there twice"
    drill.check(not lost and not twice, says, acknowledged=len(ids), lost=lost, twice=twice)


def observe(town: Rehearsal, drill: Drill) -> None:
    """What users sent is what the counters, the store and the status say, and a burst of bad requests shows."""
    town.pulse.pause()
    try:
        _settled(town)
        before, counted = town.status(), _counters(town)
        which = town.rows.day()
        good = town.rows.asked(which, town.inputs)
        repeated = good + good * (_GOOD // len(good))
        answers = town.traffic.score(repeated)
        when = town.rows.ends(which).isoformat()
        labels = [(a.id, truth, when) for a, truth in zip(answers, town.rows.truth(which), strict=False) if a]
        town.traffic.tell(labels)
        bad = [row | {"no such field": 1} for row in (good * _BAD)[:_BAD]]
        failed = town.traffic.failed
        refused = [answer for answer in town.traffic.score(bad) if answer is None]
        town.traffic.failed = failed  # that was what we wanted
        drill.inject(f"{len(repeated)} good requests, {len(labels)} labels and {len(bad)} requests with a wrong field")
        now = _counters(town)
        drill.check(len(refused) == len(bad), f"{len(refused)} of {len(bad)} bad requests were refused")
        for status, sent in (("200", len(repeated)), ("422", len(bad))):
            said = now.get(status, 0) - counted.get(status, 0)
            drill.check(said == sent, f"/metrics counts {said:.0f} answers of status {status}; we sent {sent}")
        town.comes(lambda: _joined(town) >= before["labels"]["joined"] + len(labels), 60)
        joined = _joined(town) - before["labels"]["joined"]
        drill.check(joined == len(labels), f"{joined} labels are joined; we sent {len(labels)}")
        wanted = before["requests"]["answered"] + len(repeated)
        town.comes(lambda: town.status()["requests"]["answered"] >= wanted, 30)
        town.comes(lambda: (town.status()["service"] or {}).get("refused", 0) > 0, 30)
        told = ask("status", str(town.root))
        answered = told["requests"]["answered"] - before["requests"]["answered"]
        drill.check(answered == len(repeated), f"gradino status counts {answered} answers; we sent {len(repeated)}")
        was, shown = (before["service"] or {}).get("refused", 0.0), (told["service"] or {}).get("refused", 0.0)
        drill.check(shown > was, f"the share of refused requests rose from {was:.1%} to {shown:.1%}", refused=shown)
    finally:
        town.pulse.resume()


def _work_goes_on(town: Rehearsal, drill: Drill) -> None:
    """The operator is killed while it trains; the run is finished by the next one. What is trained would be refused."""
    town.idle()
    town.copy.train_with(1.0, "Sort the labels anew")
    words = command("train", str(town.root), "--reason", "a drill kills the operator while it trains")
    operator = _child(town, "operate.loop.operator")
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as train:
        try:
            assert train.stderr is not None
            run = train.stderr.readline().split()[1].rstrip(";")  # what the command says first
            if operator is None:
                raise Insufficient("there is no process of the operator")
            time.sleep(1.0)
            operator.kill()
            before = town.command("runs", run)["status"]
            drill.inject(f"kill -9 of the operator, process {operator.pid}; run {run} is {before}")
            if before not in ("queued", "running"):
                raise Insufficient("the training had ended before the operator was killed")
            seconds = town.wait(
                lambda: town.command("runs", run)["status"] not in ("queued", "running"), "the run ends"
            )
        finally:
            train.terminate()
            town.copy.revert()
    done = town.command("runs", run)
    drill.check(done["status"] == "finished", f"another operator finished run {run} {seconds:.1f} s later")
    town.judged(int(done["version"]))


def _killed_and_back(town: Rehearsal, drill: Drill, module: str, name: str) -> None:
    process = _child(town, module)
    if process is None:
        raise Insufficient(f"there is no process of {name}")
    drill.inject(f"kill -9 of {name}, process {process.pid}")
    process.kill()
    path, port = ("/health", town.port) if module == "operate.serving" else ("/api/status", town.page)
    process.wait(10)
    seconds = town.wait(lambda: read(port, path) is not None, f"{name} is back")
    drill.check(True, f"{name} was back after {seconds:.1f} s")


def _child(town: Rehearsal, module: str) -> psutil.Process | None:
    """The process that `gradino up` started for a part."""
    for process in psutil.Process(town.process.pid).children():
        with suppress(psutil.Error):
            if f"gradino.{module}" in process.cmdline():
                return process
    return None


def _logged(root: Path) -> dict[str, int]:
    """How often each prediction id is in the log, which is a Delta table that anybody can read; shadows left out."""
    table = DeltaTable(str(root / ".gradino" / "tables" / "predictions")).to_pyarrow_table(
        columns=["prediction_id", "role"]
    )
    counts: dict[str, int] = {}
    for key, role in zip(table["prediction_id"].to_pylist(), table["role"].to_pylist(), strict=True):
        if role != "shadow":
            counts[key] = counts.get(key, 0) + 1
    return counts


def _settled(town: Rehearsal) -> None:
    """Wait until everything that was sent before is counted."""
    last: list[int] = []

    def same() -> bool:
        last.append(town.status()["requests"]["answered"])
        time.sleep(1.0)
        return len(last) > 12 and len(set(last[-12:])) == 1

    town.wait(same, "what was sent before is counted", 60)


def _joined(town: Rehearsal) -> int:
    return int(town.status()["labels"]["joined"])


def _counters(town: Rehearsal) -> dict[str, float]:
    """Answers of /v1/score by status, as the scoring server counts them."""
    lines = (read(town.port, "/metrics") or b"").decode().splitlines()
    found: dict[str, float] = {}
    for line in lines:
        if line.startswith("gradino_requests_total") and 'route="/v1/score"' in line:
            status = line.partition('status="')[2].partition('"')[0]
            found[status] = found.get(status, 0.0) + float(line.rpartition(" ")[2])
    return found


def _monotonic(moment: str) -> float:
    """A moment of the wall clock on the clock of the beats."""
    return time.monotonic() - (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
