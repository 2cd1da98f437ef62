"""AWS Step Functions that train and deploy: state machines in JSON, YAML, Terraform or the CDK, read as text."""

import re
from collections.abc import Iterator

from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree, ours

_LIKELY = re.compile(
    r"states:::(sagemaker|lambda|ecs|batch|glue):|\bSageMakerCreate(TrainingJob|Endpoint)\b|StateMachine"
)
_WORDS = ("states:::", "SageMakerCreate", "StateMachine")  # one of them stands in whatever the pattern finds
# Tasks of SageMaker, choices, and tasks of others by the name of their state: in the CDK, in the states language.
_TASK = re.compile(
    r"states:::sagemaker:(\w+)|\bSageMaker((?:Create|Update)\w+)\s*\(|\b(Choice)\s*\(|[\"']?Type[\"']?\s*:\s*[\"']?(Choice)\b|"
    r"\b(?:LambdaInvoke|EcsRunTask|BatchSubmitJob|GlueStartJobRun)\s*\(\s*\w+\s*,\s*[\"']([^\"']+)|"
    r"[\"']([\w -]+)[\"']\s*[:=]\s*\{\s*[\"']?Type[\"']?\s*[:=]\s*[\"']Task\b"
)
_OTHERS = (5, 6)  # groups of the pattern that hold such a name
_TRAINS = re.compile(r"(^|[^a-z])([Rr]e)?train|Train")
# What starts a machine without a person, wherever in the repository it is wired.
_EVENT = re.compile(
    r"addEventNotification|add_event_notification|addObjectCreatedNotification|S3EventSource|s3:ObjectCreated|"
    r"targets\.SfnStateMachine|SfnStateMachine\(|aws_s3_bucket_notification|Events::Rule"
)
_TIMED = re.compile(r"Schedule\.(rate|cron|expression)\(|(rate|cron)\(\d")
_METRIC = re.compile(r"accura|error|metric|rmse|auc|f1|score|threshold", re.I)
_SOURCES = (".ts", ".py", ".json", ".yml", ".yaml", ".tf", ".template", ".asl")


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """One job per file that defines a machine which trains, or deploys to SageMaker."""
    texts = {p: tree.text(p) or "" for p in tree.sizes if p.endswith(_SOURCES) and ours(p) and "node_modules" not in p}
    likely = {p: t for p, t in texts.items() if any(word in t for word in _WORDS)}
    machines = {p: t for p, t in likely.items() if _LIKELY.search(t)}
    if not machines:
        return
    every = [t for t in texts.values() if "tate" in t or "otification" in t]
    started = {"event"} if any(_EVENT.search(t) for t in every) else set()
    started |= {"schedule"} if any(_TIMED.search(t) for t in machines.values()) else set()
    for path, text in machines.items():
        steps = tuple(_steps(text))
        if any(s.uses.endswith(("TrainingJob", "Endpoint")) for s in steps):
            yield Job("Step Functions", path, steps[0].line, path, frozenset(started or {"dispatch"}), steps, (), path)


def _steps(text: str) -> Iterator[Step]:
    """Tasks in the order of the text; a choice between training and the endpoint can refuse a candidate."""
    trained = False
    for match in _TASK.finditer(text):
        name = next(g for g in match.groups() if g).removesuffix(".sync")
        if match.lastindex in _OTHERS and not _TRAINS.search(name):
            continue
        name = "CreateTrainingJob" if match.lastindex in _OTHERS else name[0].upper() + name[1:]
        trained = trained or name == "CreateTrainingJob"
        around = text[match.start() : match.start() + 400]
        if name == "Choice" and not (trained and _METRIC.search(around)):
            continue
        yield Step(text[: match.start()].count("\n") + 1, uses=f"StepFunctions/{name}")
