"""Collectors: each turns one kind of source into facts and never fails the whole. A new one is a file and a line."""

from collections.abc import Callable, Iterable

from gradino.measure.automation import Job, Resource
from gradino.measure.code import Code
from gradino.measure.collectors import (
    azure_pipelines,
    batch_schedulers,
    cdk_typescript,
    cloud_ml,
    cloud_schedulers,
    cloudera,
    clouds,
    codepipeline,
    containers,
    dbx,
    drone,
    dvc,
    environment,
    github_actions,
    gitlab,
    hosting,
    jenkins,
    kubernetes,
    mage,
    makefile,
    monitoring,
    orchestrators,
    other_ci,
    other_training,
    step_functions,
    trackers,
)
from gradino.measure.tree import Tree

Fact = Job | Resource
Collector = Callable[[Tree, Code], Iterable[Fact]]

COLLECTORS: dict[str, Collector] = {
    "github-actions": github_actions.collect,
    "gitlab": gitlab.collect,
    "azure-pipelines": azure_pipelines.collect,
    "jenkins": jenkins.collect,
    "circleci": other_ci.circleci,
    "travis": other_ci.travis,
    "bitbucket": other_ci.bitbucket,
    "cloudbuild": other_ci.cloudbuild,
    "codebuild": other_ci.codebuild,
    "drone": drone.collect,
    "codepipeline": codepipeline.collect,
    "cdk-typescript": cdk_typescript.collect,
    "makefile": makefile.collect,
    "orchestrators": orchestrators.collect,
    "mage": mage.collect,
    "azure-ml": cloud_ml.azure_ml,
    "databricks": cloud_ml.databricks,
    "dbx": dbx.collect,
    "step-functions": step_functions.collect,
    "cloudera": cloudera.collect,
    "batch-schedulers": batch_schedulers.collect,
    "cloud-schedulers": cloud_schedulers.collect,
    "deployment-configurations": cloud_ml.deployment_configs,
    "kubernetes": kubernetes.collect,
    "containers": containers.collect,
    "hosting": hosting.collect,
    "clouds": clouds.collect,
    "dvc": dvc.collect,
    "environment": environment.collect,
    "trackers": trackers.collect,
    "other-training": other_training.collect,
    "monitoring": monitoring.collect,
}
