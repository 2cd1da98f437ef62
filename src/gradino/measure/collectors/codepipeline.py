"""AWS CodePipeline, in CloudFormation and in CDK: stages in order, approvals, what starts it."""

import re
from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.collectors import cdk_typescript, clouds
from gradino.measure.python import Call
from gradino.measure.tree import Tree

SYSTEM = "CodePipeline"


def collect(tree: Tree, code: Code) -> Iterator[Job]:
    """One job per stage; stages after a manual approval wait for a person."""
    for path in tree.sizes:
        text = tree.text(path) or "" if path.endswith((".yml", ".yaml", ".template")) else ""
        if "AWS::CodePipeline::Pipeline" in text:
            resources = yaml.first(text).map("Resources")
            for name in resources:
                if resources.map(name).text("Type") == "AWS::CodePipeline::Pipeline":
                    yield from _formation(path, resources, name, text)
    for path in tree.named("*.tf"):
        text = re.sub(r"(?m)^\s*(#|//).*$", "", tree.text(path) or "")
        for found in re.finditer(r'^resource\s+"aws_codepipeline"\s+"[\w-]+"\s*\{', text, re.M):
            yield from _terraform(tree, path, text, found.end())
    for module in code.holding("aws_codepipeline"):
        calls = sorted((c for f in module.functions.values() for c in f.calls), key=lambda c: c.line)
        yield from _cdk(
            module.path, [c for c in calls if c.method == "add_stage" or c.method.endswith("Action")], calls
        )
    for path in tree.named("buildspec.y*ml"):
        if "EXPORT_TEMPLATE_" in (tree.text(path) or ""):
            yield from _sagemaker_project(tree, path)


def _sagemaker_project(tree: Tree, path: str) -> Iterator[Job]:
    """The pipeline that SageMaker makes for a project's deployment repository: an approved model goes to staging, is
    tested there, and to production after a click. Only its build files and the settings of both stages are in git.
    """
    folder = path.rpartition("/")[0]
    inside = [p.removeprefix(f"{folder}/" if folder else "") for p in tree.sizes if p.startswith(folder)]
    if not any(re.fullmatch(r"staging-config\S*\.json", p) for p in inside):
        return
    group, when = f"{path}#project", frozenset({"push", "event"})
    test = cdk_typescript.phases(tree, f"{folder}/test/buildspec.yml".lstrip("/"))
    staging, production = (Step(1, uses=f"CodePipeline/Deploy/CloudFormation/Deploy{s}") for s in ("Staging", "Prod"))
    yield Job(SYSTEM, path, 1, "DeployStaging", when, (staging, *test), (), group, "staging")
    if any(re.fullmatch(r"prod-config\S*\.json", p) for p in inside):
        yield Job(
            SYSTEM, path, 1, "DeployProd", when, (production,), (f"{group}#DeployStaging",), group, "prod", "", True
        )


_STAGE = re.compile(r"\bstage\s*\{")
_ACTION = re.compile(r"\baction\s*\{")
_DEPLOYS = frozenset(
    {"CloudFormation", "CloudFormationStackSet", "ECS", "CodeDeploy", "CodeDeployToECS", "S3", "ElasticBeanstalk",
     "AppConfig", "ServiceCatalog", "OpsWorks", "EKS", "EC2", "Lambda"}
)  # fmt: skip
_SAID = re.compile(r'^\s*(name|category|provider)\s*=\s*"([^"\n]*)"', re.M)


def _terraform(tree: Tree, path: str, text: str, start: int) -> Iterator[Job]:
    """Stages as Terraform writes them; what a build runs stands in the only specification, or that of its name."""
    specifications = list(tree.named("buildspec*.y*ml", "*buildspec.y*ml"))
    before: tuple[str, ...] = ()
    waits = False
    pipeline = clouds.block(text, start)
    deploys = re.findall(r'\bcategory\s*=\s*"Deploy"[^{}]{0,600}?\bprovider\s*=\s*"(\w+)"', pipeline)
    unknown = next((p for p in deploys if p not in _DEPLOYS), "")
    off = f"CodePipeline has no provider {unknown} that deploys" if unknown else ""
    for stage in _STAGE.finditer(pipeline):
        body = clouds.block(pipeline, stage.end())
        line = text[: start + stage.start()].count("\n") + 1
        actions = [dict(_SAID.findall(clouds.block(body, a.end()))) for a in _ACTION.finditer(body)]
        name = dict(_SAID.findall(_ACTION.split(body)[0])).get("name", f"stage{len(before)}")
        steps = tuple(
            Step(line, uses=f"{SYSTEM}/{a.get('category')}/{a.get('provider')}/{name}-{a.get('name')}") for a in actions
        )
        if any(a.get("provider") == "CodeBuild" for a in actions):
            named = [s for s in specifications if name.lower() in s.lower()]
            for specification in named or specifications if len(named or specifications) == 1 else ():
                steps += cdk_typescript.phases(tree, specification)
        waits = waits or any(a.get("category") == "Approval" for a in actions)
        yield Job(SYSTEM, path, line, name, frozenset({"push"}), steps, before, path, name, off, waits)
        before = (*before, f"{path}#{name}")


def _formation(path: str, resources: yaml.Map, name: str, text: str) -> Iterator[Job]:
    stages = resources.map(name).map("Properties").list("Stages")
    retrained = any(
        "Alarm State Change" in str(resources.map(r)) and resources.map(r).map("Properties").text("State") != "DISABLED"
        for r in resources
        if resources.map(r).text("Type") == "AWS::Events::Rule"
    )
    triggers = frozenset({"push", *(["metric"] if retrained else [])})
    before: tuple[str, ...] = ()
    waits = False
    for stage in (s for s in stages if isinstance(s, yaml.Map)):
        called = stage.text("Name")
        steps: list[Step] = []
        approves = False
        for action in (a for a in stage.list("Actions") if isinstance(a, yaml.Map)):
            kind = action.map("ActionTypeId")
            approves = approves or kind.text("Category") == "Approval"
            steps.append(
                Step(
                    action.line,
                    uses=f"CodePipeline/{kind.text('Category')}/{kind.text('Provider')}/{action.text('Name')}",
                )
            )
        yield Job(SYSTEM, path, stage.line, called, triggers, tuple(steps), before, path, called, "", waits)
        waits = waits or approves
        before = (*before, f"{path}#{called}")


def _cdk(path: str, found: list[Call], calls: list[Call]) -> Iterator[Job]:
    marks = [c for c in found if c.method == "add_stage"]
    if not marks:
        return
    every = " ".join(t for c in calls for t in c.texts)
    triggers = {"push"} | ({"event"} if "Model Package State Change" in every else set())
    triggers |= {"metric"} if "Alarm State Change" in every else set()
    before: tuple[str, ...] = ()
    waits = False
    for i, mark in enumerate(marks):
        end = marks[i + 1].line if i + 1 < len(marks) else 10**9
        actions = [c for c in found if c.method.endswith("Action") and mark.line <= c.line < end]
        name = mark.keywords.get("stage_name") or (mark.texts[0] if mark.texts else f"stage{i}")
        steps = tuple(
            Step(c.line, uses=f"CodePipeline/{_category(c)}/{c.method}/{c.keywords.get('action_name', '')}")
            for c in actions
        )
        yield Job(SYSTEM, path, mark.line, name, frozenset(triggers), steps, before, path, name, "", waits)
        waits = waits or any(c.method == "ManualApprovalAction" for c in actions)
        before = (*before, f"{path}#{name}")


def _category(call: Call) -> str:
    if "Approval" in call.method:
        return "Approval"
    if re.search(r"CloudFormation|EcsDeploy|S3Deploy|CodeDeploy|Ecs", call.method):
        return "Deploy"
    return (
        "Build"
        if "CodeBuild" in call.method
        else "Invoke"
        if re.search(r"Lambda|StepFunction", call.method)
        else "Source"
    )
