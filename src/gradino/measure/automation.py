"""What can fire, whatever starts it: the common shape of CI jobs, orchestrated pipelines and scheduled resources."""

import re
from dataclasses import dataclass, field, replace

from gradino.measure import dispatches, shell

# What starts a job. `merge` stands for a push to a shared branch, a closed pull request or an equivalent;
# `event` for a message, a new model version or another pipeline's resource; `metric` for an alarm or a drift signal.
AUTOMATIC = frozenset({"push", "tag", "release", "schedule", "event", "metric", "run"})
CHANGE = frozenset({"push", "tag", "release", "event", "run"})
UNASKED = frozenset({"schedule", "event", "metric", "run"})  # nobody changed the code
CHECKED = CHANGE | {"pull_request"}


@dataclass(frozen=True, slots=True)
class Step:
    """One action of a job: shell text (`run`), or a named action, task or operator (`uses`) with its inputs."""

    line: int
    run: str = ""
    uses: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    off: str = ""  # why it never does anything; empty when it does
    soft: bool = False  # its failure is swallowed
    folder: str = ""
    calls: tuple[str, ...] = ()  # Python functions it runs: path::name
    rescue: bool = False  # only what fails brings it about

    def input(self, name: str) -> str:
        """The input called `name`, or an empty string."""
        return dict(self.inputs).get(name, "")


@dataclass(frozen=True, slots=True)
class Job:
    """Steps that run together once one of `triggers` happens."""

    system: str
    path: str
    line: int
    name: str
    triggers: frozenset[str]
    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ()
    group: str = ""  # jobs of one workflow or pipeline share it
    environment: str = ""
    off: str = ""  # why it never fires
    approval: bool = False  # waits for a person
    soft: bool = False
    image: str = ""
    branches: tuple[str, ...] = ()
    cron: str = ""
    runner: str = ""  # the machine it asks for
    title: str = ""  # of its workflow, as people see it

    @property
    def automatic(self) -> bool:
        """Fires without a person."""
        return not self.off and bool(self.triggers & AUTOMATIC)

    @property
    def manual(self) -> bool:
        """A person can start it, and nothing else does."""
        return not self.off and bool(self.triggers) and not self.automatic


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that infrastructure as code or a manifest defines: its `kind`, name and the traits that matter here.

    Traits: probe, replicas, rolling, rollback, canary, split, alarm, monitor, schedule, endpoint, off, …
    """

    system: str
    kind: str
    path: str
    line: int
    name: str
    traits: frozenset[str] = frozenset()
    detail: dict[str, str] = field(default_factory=dict, compare=False)


_SHORT = {"2": 29, "4": 30, "6": 30, "9": 30, "11": 30}  # month → its last day, where that is not the 31st


def comes_round(cron: str) -> bool:
    """Whether a cron expression of five fields names a moment that will come."""
    fields = cron.split()
    if len(fields) != 5:
        return False
    _, _, day, month, weekday = fields
    if weekday != "*" or not (re.fullmatch(r"\d+", day) and re.fullmatch(r"[\d,]+", month)):
        return True
    return any(int(day) <= _SHORT.get(m.lstrip("0"), 31) for m in month.split(","))


# A command that starts a job which another file describes, and the name of that file, or of the job.
_STARTS = re.compile(
    r"(?:gcloud\b.*\bbuilds\s+submit|argo\s+submit|kubectl\s+create|circleci\s+run|az\s+ml\s+job\s+create)"
    r"[^\n;&|]*?([\w./-]+\.(?:ya?ml|json))|dbx\s+launch[^\n;&|]*?--jobs?[= ]([\w.-]+)"
    r"|airflow\s+dags\s+trigger\s+(?:-\S+\s+)*([\w.-]+)"
    r"|databricks\s+bundle\s+run(?:\s+(?:-t|--target|--var|-p|--profile)[ =]\S+|\s+-\S+)*\s+([\w.-]+)"
)


_CONTAINER = re.compile(r"(?:sudo\s+)?(?:docker|podman)(?:[- ]compose\s(?:.*\s)?up\b|\s+(?:container\s+)?run\b)")
_NAMED = re.compile(r"--name[= ][\"']?((?:\$\{\{[^}]*\}\}|[^\s\"'])+)")


def taken_down(jobs: list[Job], job: Job, step: Step, command: str) -> bool:
    """Whether the container that a command starts is stopped again, later in its job or in one that needs it."""
    if not _CONTAINER.match(command):
        return False
    named = _NAMED.search(command)
    if named is None and "compose" not in command:
        return False
    stops = (
        rf"(?:stop|rm|kill)\b[^\n]*{re.escape(shell.tight(named[1]))}(?![\w-])" if named else r"compose\b[^\n]*\sdown\b"
    )
    after = {f"{job.group}#{job.name}"}
    for other in jobs:  # as they are written, each after those that it needs
        after |= {f"{other.group}#{other.name}"} if after & set(other.needs) else set()
    mine = [step.run[step.run.rfind(" run " if named else " up") :]] if step.run else []
    steps = [*job.steps[job.steps.index(step) + 1 :]]
    steps += [s for j in jobs if j is not job and not j.off and f"{j.group}#{j.name}" in after for s in j.steps]
    said = [*mine, *(s.run for s in steps if not s.off and not s.rescue)]
    return any(re.search(stops, shell.tight(text)) for text in said)


# A job or script that trains to see whether training works.
REHEARSED = re.compile(r"(integration|unit)[-_ ]?test|smoke|fixture|localstack|\be2e\b|sanity", re.I)


def starts(job: Job) -> list[str]:
    """The names of the jobs that commands of a job start, or send for."""
    steps = [s for s in job.steps if not s.off and not job.off]
    named = (next(n for n in m.groups() if n) for s in steps for m in _STARTS.finditer(s.run.replace("\\\n", " ")))
    return [*(name.rpartition("/")[2] for name in named), *(name for s in steps for name in dispatches.named(s))]


def called(job: Job) -> set[str]:
    """The names by which another job may start this one; a workflow that nobody can send for has none."""
    if job.system == "GitHub Actions":
        return {job.group.rpartition("/")[2], job.title} - {""} if "dispatch" in job.triggers else set()
    return {job.path.rpartition("/")[2], job.name}


def started(jobs: list[Job]) -> list[Job]:
    """The jobs, each that another's command starts with the triggers of that one."""
    for _ in range(3):  # one that is started may start another
        by_name: dict[str, set[str]] = {}
        for job in jobs:
            for name in () if REHEARSED.search(job.name) else starts(job):
                by_name.setdefault(name, set()).update(job.triggers)
        jobs = [replace(j, triggers=j.triggers.union(*(by_name.get(n, ()) for n in called(j)))) for j in jobs]
    return jobs
