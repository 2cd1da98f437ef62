"""Terraform, CloudFormation/SAM and CDK: endpoints, traffic, monitors, alarms and schedules."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterator
from posixpath import join, normpath

from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree

# Words in a resource's type, in any of the three languages, to what they mean here.
_TYPES: tuple[tuple[str, frozenset[str]], ...] = (
    (r"sagemaker_endpoint\b|sagemaker\.Endpoint$|SageMaker::Endpoint$|Microsoft\.MachineLearningServices/workspaces/onlineEndpoints|CfnEndpoint\b|vertex_ai_endpoint|machine_learning_online|model_serving", frozenset({"endpoint", "serving", "serving-model"})),
    (r"MonitoringSchedule|monitoring_schedule|ModelDeploymentMonitoring|lakehouse_monitor|quality_monitor", frozenset({"monitor", "monitor-schedule"})),
    (r"DataQualityJobDefinition|ModelQualityJobDefinition|ModelBiasJob", frozenset({"monitor"})),
    (r"CloudWatch::Alarm|CfnAlarm|aws_cloudwatch.*Alarm|cloudwatch_metric_alarm|monitoring_alert_policy|monitor_metric_alert|CompositeAlarm", frozenset({"alarm"})),
    (r"cloud_run(_v2)?_service|ecs_service|ECS::Service|\b(ecs|cloudrun(v2)?|run|apprunner)\.(Fargate)?Service$|aws_ecs\w*\.\w+Service$|lambda_?\.\w*Function$|\bContainerApp$|Microsoft\.(App/containerApps|Web/sites)$|apps\.v1\.Deployment$|lambda_function\b|Serverless::Function|Lambda::Function|app_service\b|apprunner_service|container_app\b|linux_web_app|app_engine", frozenset({"serving"})),
    (r"sagemaker_pipeline|SageMaker::Pipeline|CfnPipeline\b", frozenset({"training-compute"})),
    (r"cloudwatch_dashboard|CloudWatch::Dashboard|monitoring_dashboard|\bDashboard$", frozenset({"dashboard"})),
    (r"kinesis_stream|Kinesis::Stream|kinesis_firehose|pubsub_subscription|eventhub\b", frozenset({"stream"})),
    (r"sagemaker_model_package_group|ModelPackageGroup|mlflow_model|machine_learning_model", frozenset({"versioned-model"})),
    (r"autoscaling|ScalableTarget|ScalingPolicy|appautoscaling", frozenset({"autoscale"})),
)  # fmt: skip
_RUNS = re.compile(r"databricks_job|batch_job_definition|glue_job|cloud_run_v2_job|ecs_task_definition")
_TRAINS = re.compile(r"(^|[^a-z])(re)?train", re.I)
_COMPILED = tuple((re.compile(p), t) for p, t in _TYPES)
_CONSTRUCT = re.compile(
    r"(Cfn\w+|Alarm|Rule|\w+Service|\w*Function|Dashboard|EcsDeployment\w*|Pipeline|LambdaDeploymentGroup)$"
)
# What stands before a service and asks after its health.
_BEFORE = re.compile(
    r"target_group|TargetGroup|lb_probe|backend_service|compute_(region_)?health_check|autoscaling_group|AutoScalingGroup"
)


def collect(tree: Tree, code: Code) -> Iterator[Resource]:
    """Resources by type, with what their bodies say about traffic, roll back and health."""
    declared: dict[tuple[str, str, str], int] = {}
    defaults: dict[str, dict[str, str]] = {}  # folder → variable → its default
    for path in tree.named("*.tf"):
        defaults.setdefault(path.rpartition("/")[0], {}).update(_DEFAULT.findall(tree.text(path) or ""))
        for kind, name in re.findall(r'^resource\s+"([\w-]+)"\s+"([\w-]+)"', tree.text(path) or "", re.M):
            key = (path.rpartition("/")[0], kind, name)
            declared[key] = declared.get(key, 0) + 1
    refused = {
        folder for (folder, _, _), count in declared.items() if count > 1
    }  # Terraform takes none of a folder then
    unused = _left_out(tree)
    for path in tree.named("*.tf"):
        if path.rpartition("/")[0] in unused:
            continue
        if path.rpartition("/")[0] in refused:
            tree.notes.append(f"{path}: a resource of its folder is declared twice, so Terraform applies none")
            continue
        known = defaults[path.rpartition("/")[0]]
        text = re.sub(r"(?m)^\s*(#|//).*$", "", tree.text(path) or "")
        heads = re.finditer(r'^resource\s+"aws_cloudwatch_event_target"[^{]*\{', text, re.M)
        targets = [block(text, m.end()) for m in heads]
        for match in re.finditer(r'^resource\s+"([\w-]+)"\s+"([\w-]+)"\s*\{', text, re.M):
            body = _VAR.sub(lambda m: known.get(m[1], m[0]), block(text, match.end()))  # noqa: B023 - used at once
            if match[1] == "aws_cloudwatch_event_rule":  # what it starts stands in a block of its own
                body += "".join(b for b in targets if f"event_rule.{match[2]}." in b)
            yield from judge("Terraform", path, text[: match.start()].count("\n") + 1, match[1], match[2], body)
    for path in tree.sizes:
        if path.endswith((".yml", ".yaml", ".json", ".template")):
            text = tree.text(path) or ""
            if "AWS::" in text and "Resources" in text:
                for match in re.finditer(r"""^(\s*)["']?Type["']?\s*:\s*["']?(AWS::[\w:]+)""", text, re.M):
                    body = _indented(text, match.end(), len(match[1]))
                    yield from judge(
                        "CloudFormation", path, text[: match.start()].count("\n") + 1, match[2], match[2], body
                    )
    for path in tree.named("*.bicep"):
        text = re.sub(r"(?m)^\s*//.*$", "", tree.text(path) or "")
        for match in re.finditer(r"^resource\s+(\w+)\s+'([\w./]+)@[^']*'[^{\n]*\{", text, re.M):
            line = text[: match.start()].count("\n") + 1
            yield from judge("Bicep", path, line, match[2], match[1], block(text, match.end()))
    for module in code.holding("aws_cdk", "pulumi"):
        lines = (tree.text(module.path) or "").split("\n")
        for call in module.calls():
            if _CONSTRUCT.match(call.method) or call.name.startswith("pulumi_"):
                body = "\n".join(lines[call.line - 1 : call.line + 40])
                system = "Pulumi" if call.name.startswith("pulumi_") else "CDK"
                yield from judge(
                    system, module.path, call.line, call.name, call.texts[0] if call.texts else call.method, body
                )


_SOURCE = re.compile(r"^([ \t]*(?:#|//)?).*\bsource[ \t]*=[ \t]*\"(\./[^\"\n]*)\"", re.M)


def _left_out(tree: Tree) -> set[str]:
    """Folders of Terraform that modules name only where they are commented out."""
    named: dict[str, bool] = {}
    for path in tree.named("*.tf"):
        for before, source in _SOURCE.findall(tree.text(path) or ""):
            folder = normpath(join(path.rpartition("/")[0], source))
            named[folder] = named.get(folder, False) or not before.strip()
    return {folder for folder, used in named.items() if not used}


_VAR = re.compile(r"\bvar\.(\w+)")
_DEFAULT = re.compile(r'^variable\s+"([\w-]+)"\s*\{[^{}]*?\bdefault\s*=\s*("[^"\n]*"|[\w.]+)', re.M)


def block(text: str, start: int) -> str:
    """What stands between a brace and the one that closes it."""
    depth, i = 1, start
    while i < len(text) and depth:
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        i += 1
    return text[start:i]


def _indented(text: str, start: int, indent: int) -> str:
    kept = []
    for line in text[start : start + 8000].split("\n")[1:]:
        if line.strip() and len(line) - len(line.lstrip()) < indent:
            break
        kept.append(line)
    return "\n".join(kept)


def judge(system: str, path: str, line: int, kind: str, name: str, body: str) -> Iterator[Resource]:
    """The resource of a type, with what its body says; nothing where none of it matters here."""
    traits: set[str] = set()
    for pattern, meaning in _COMPILED:
        if pattern.search(kind):
            traits |= meaning
    if "alarm" in traits and re.search(
        r"drift|model[-_ ]?quality|data[-_ ]?quality|baseline|feature_|accuracy|sagemaker|ModelLatency|Invocation|"
        r"run\.googleapis\.com|latenc|5xx|error_?rate|HTTPCode",
        body,
        re.I,
    ):
        traits.add("model-alarm")
    if "dashboard" in traits and re.search(
        r"SageMaker|ModelLatency|Invocations|OnlineEndpoint|run\.googleapis\.com|aiplatform\.googleapis|predict|drift",
        body,
        re.I,
    ):
        traits.add("model-metrics")
    if re.search(
        r"Events::Rule|cloudwatch_event_rule|\bRule$|scheduler_schedule|cloud_scheduler_job|Scheduler::Schedule", kind
    ):
        if re.search(
            r"[Ss]tate[\"']?\s*[:=]\s*[\"']?DISABLED|is_enabled\s*=\s*false|enabled\s*=\s*False|paused\s*=\s*true", body
        ):
            traits.add("off")
        starts = re.search(r"sagemaker|StartPipeline|pipeline|retrain|train", f"{body} {name}", re.I)
        if re.search(r"rate\(|cron\(|schedule", body, re.I) and starts:
            traits.add("training-schedule")
        if re.search(r"aws\.cloudwatch|CloudWatch Alarm|alarm", body, re.I) and starts:
            traits |= {"training-schedule", "metric-trigger"}
    if _RUNS.search(kind) and _TRAINS.search(f"{name} {body}"):
        timed = "quartz_cron_expression" in body and not re.search(r"[\"']PAUSED", body)
        traits |= {"training-compute", "training-schedule"} if timed else {"training-compute"}
    weights = re.findall(r"(?:InitialVariantWeight|initial_variant_weight)[\"']?\s*[:=]", body)
    if len(weights) >= 2 and ("EndpointConfig" in kind or system != "CDK"):
        traits.add("split")
    if re.search(
        r"AutoRollback|auto_rollback|RollbackConfig|rollback_config|DeploymentConfig\.(CANARY|LINEAR)|deployment_circuit_breaker|DeploymentPreference|blue_green|BlueGreen",
        body,
    ):
        traits |= {"rollback", "rolling"}
    if re.search(r"DeploymentPreference|CANARY_|Canary\d|LINEAR_|traffic_shifting|TrafficShifting", body):
        traits.add("canary")
    if re.search(r"DeploymentPreference", body) and re.search(r"Alarms", body):
        traits.add("canary-analysis")
    if re.search(r"PreTraffic|pre_hook\s*=", body):
        traits.add("gate")
    if re.search(r"DataCaptureConfig|data_capture_config", body):
        traits.add("capture")
    asked = re.search(r"health_?[cC]heck|HealthCheck|(liveness|startup|readiness)(_p|P)robe|\bprobes\s*:", body)
    if asked and ("serving" in traits or _BEFORE.search(kind)):
        traits.add("probe")
    if re.search(
        r"(?<!max_)(instance_count|InitialInstanceCount|initial_instance_count|desired_?[cC]ount|DesiredCount|min_instance_count|min_replica_count|min_?[rR]eplicas|\breplicas)[\"']?\s*[:=]\s*([2-9]|\d\d)",
        body,
    ) or (_BEFORE.search(kind) and re.search(r"\b(min_size|MinSize)[\"']?\s*[:=]\s*[\"']?([2-9]|\d\d)", body)):
        traits.add("replicas")
    if re.search(r"deployment_minimum_healthy_percent|MinimumHealthyPercent|min_healthy_percent", body):
        traits.add("rolling")
    shares = re.findall(r"\bweight\s*=\s*(?!0\b|100\b)\d+", body) if re.search(r"lb_listener", kind) else []
    if len(shares) >= 2 or re.search(r"additional_version_weights|AdditionalVersionWeights|percent_traffic", body):
        traits.add("split")
    if re.search(r"^\s*traffic\s*\{", body, re.M) and len(re.findall(r"^\s*traffic\s*\{", body, re.M)) >= 2:
        traits.add("split")
    if traits:
        yield Resource(system, kind, path, line, name, frozenset(traits))
