"""What named building blocks of CI systems do: marketplace actions, Azure tasks, CircleCI orbs, Bitbucket pipes."""
# ruff: noqa: E501 - a table reads better unwrapped

import re

from gradino.measure import dispatches, shell
from gradino.measure.automation import Step

_KNOWN: tuple[tuple[str, str], ...] = (
    ((r"docker/build-push-action|elgohr/publish-docker|mr-smithers-excellent/docker-build-push|docker/bake-action|"
     r"redhat-actions/buildah-build|whoan/docker-build-with-cache|macbre/push-to-ghcr|aevea/action-kaniko|jwalton/gh-ecr-push|VaultVulp/gp-docker-action"), "image"),
    (r"redhat-actions/push-to-registry", "publish"),
    ((r"aws-actions/amazon-ecs-deploy|azure/webapps-deploy|azure/k8s-deploy|azure/functions-action|azure/container-apps-deploy|"
     r"azure/aci-deploy|google-github-actions/deploy-|akhileshns/heroku-deploy|einaregilsson/beanstalk-deploy|amondnet/vercel|"
     r"digitalocean/app_action|easingthemes/ssh-deploy|burnett01/rsync-deployments|railway|koyeb/action|bentoml/deploy|"
     r"huggingface/hub-sync|(huggingface|nateraw|jacobtomlinson|alozowski)/huggingface[-_]sync|johnbeynon/render-deploy|fjogeleit/yaml-update-action|"
     r"aws-actions/aws-lambda-deploy|appleboy/lambda-action|actions-hub/kubectl|stefanprodan/kube-tools|deliverybot/helm|"
     r"azure/aml-deploy|dokku/github-action|steebchen/kubectl|argoproj|Azure/spring-apps-deploy|aws-actions/amazon-eks|prefecthq/actions-prefect-deploy"), "deploy"),
    (r"azure/aml-run|azure/aml-compute|aws-actions/sagemaker", "submit"),
    (r"aws-actions/aws-cloudformation-github-deploy|aws-actions/aws-sam|dflook/terraform-apply|azure/arm-deploy", "provision"),
    (r"peaceiris/actions-gh-pages|actions/deploy-pages|JamesIves/github-pages-deploy-action|mhausenblas/mkdocs-deploy", "docs"),
    (r"pypa/gh-action-pypi-publish|JRubics/poetry-publish|code-specialist/pypi-poetry-publish", "publish-package"),
    (r"softprops/action-gh-release|ncipollo/release-action|actions/create-release|marvinpinto/action-automatic-releases", "publish-release"),
    (r"actions/upload-artifact|PublishBuildArtifacts@|PublishPipelineArtifact@|stash", "keep-artifact"),
    (r"iterative/cml|setup-cml", "report-tool"),
    # Azure Pipelines
    (r"^Docker@|^DockerCompose@", "azure-docker"),
    ((r"^(KubernetesManifest|HelmDeploy|AzureWebApp|AzureWebAppContainer|AzureRmWebAppDeployment|AzureFunctionApp|AzureContainerApps|"
     r"Kubernetes|AzureSpringCloud|ServiceFabricDeploy)@|AMLModelDeploy@"), "deploy"),
    (r"^(TerraformTaskV?\d*|TerraformCLI|TerraformInstaller|AzureResourceManagerTemplateDeployment|AzureResourceGroupDeployment)@", "azure-provision"),
    (r"^ManualValidation@", "approval"),
    (r"^GitOps/sync |^(Render|DigitalOcean)/deploy$", "deploy"),
    # AWS CodePipeline actions: CodePipeline/category/provider/name
    (r"^CodePipeline/Deploy/\S*(CloudFormation|ECS|Ecs|CodeDeploy|SageMaker|ElasticBeanstalk|AppConfig)\S*(deploy|model|endpoint|app|service|prod|staging|prd|dev)", "deploy"),
    (r"^CodePipeline/Invoke/(StepFunctions|Lambda)\S*(train|workflow|pipeline)", "submit"),
    (r"^CodePipeline/(Invoke|Test|Build)/\S*(smoke[-_]?test|(test|evaluate|invoke|check)[-_]?\w*endpoint|endpoint[-_]?\w*test)", "smoke"),
    (r"^CodePipeline/Invoke/Lambda/(?!\S*status)\S*deploy", "deploy"),
    (r"r-lib/actions/check-r-package|julia-actions/julia-runtest", "other-test"),
    (r"^CodePipeline/Build/", "build"),
    (r"^StepFunctions/(CreateEndpoint|UpdateEndpoint)$|^Cloudera/(deploy_model|create_model|start_application)", "deploy"),
    (r"^StepFunctions/Create(TrainingJob|HyperParameterTuningJob)", "remote-training"),
    (r"^StepFunctions/Choice", "gate"),
    (r"^travis/(heroku|lambda|elasticbeanstalk|codedeploy|cloudfoundry|gae|ecs|flynn|scalingo|azure_web_apps)", "deploy"),
    (r"^travis/(pypi|anaconda)", "publish-package"),
    (r"^travis/(releases|packagecloud)", "publish-release"),
    # orbs, pipes
    (r"aws-ecs/deploy|aws-eks/update|heroku/deploy|gcp-cloud-run/deploy|atlassian/(aws|azure|google|heroku|kubectl)\S*(deploy|run|pipe)", "deploy"),
    (r"aws-ecr/build[-_]and[-_]push|gcp-gcr/build|docker/publish|gcr\.io/kaniko", "image-push"),
)  # fmt: skip
_COMPILED = tuple((re.compile(p, re.I), v) for p, v in _KNOWN)
# What a workflow of another repository does, told by its file's name; the first that fits.
_ELSEWHERE = re.compile(r"[\w.-]+/[\w.-]+/\.github/workflows/([\w.-]+)\.ya?ml@")
_BY_FILE = tuple((re.compile(p, re.I), v) for p, v in (
    (r"docs?\b|pages|lint|format|scan|codeql|notif|slack|label|bump|stale|destroy|cleanup|issue", ""),
    (r"pypi|(publish|release)[-_](python|package|wheel)|(python|package|wheel)[-_](publish|release)", "publish-package"),
    (r"(docker|image|container|ghcr|ecr|acr|kaniko|buildx)", "build publish"),
    (r"deploy|rollout|(^|[-_])cd([-_]|$)|allocate-traffic", "deploy"),
    (r"train|run[-_]pipeline|pipeline[-_]run", "submit"),
    (r"release|publish", "publish-release"),
    (r"test|check|(^|[-_])ci([-_]|$)", "test"),
))  # fmt: skip
# An action that no table knows, told by its name, and one that builds an image by what it is given.
_ACTION = re.compile(r"(?!\.)[\w.-]+/([\w./-]+)@")
_DEPLOYS = re.compile(
    r"(^|[-_/])(re)?deploy(er)?([-_/]|$)(?!.*(pages|docs|site|hosting|status|preview|web|firebase|netlify|clean|delete))",
    re.I,
)
_WORKBENCH = re.compile(r"(^|[ /])\.devcontainer/")  # where developers work
_GIVEN = re.compile(r"docker[-_]?file|image([-_]?(name|tag|repo\w*))?|ecr[-_]?repo\w*", re.I)
_TEST_PATH = ("test_dir", "test-dir", "tests_dir", "test_path", "test-path", "tests", "test_directory", "pytest_args")
# Actions that are given what a program is to do: the program, and the input that says it.
_PROGRAMS = (
    ("pre-commit/action", "pre-commit run", "extra_args"), ("pavelzw/pytest-action", "pytest", "custom-arguments"),
    ("superfly/flyctl-actions", "flyctl", "args"), ("serverless/github-action", "serverless", "args"), ("pulumi/actions", "pulumi", "command"),
    ("cloudflare/wrangler-action", "wrangler", "command"), ("dawidd6/action-ansible-playbook", "ansible-playbook", "playbook"),
)  # fmt: skip
_SCRIPTS = ("script", "inlineScript", "scriptSource", "run", "command", "bashEnvValue", "inline", "commands")


def verbs(step: Step) -> list[tuple[str, str]]:
    """(verb, words) of a named step."""
    found: list[tuple[str, str]] = []
    name = step.uses
    if dispatches.asks(step):
        found.append(("dispatch", name))
    for pattern, verb in _COMPILED:
        if not pattern.search(name):
            continue
        if verb == "image":
            pushes = step.input("push").lower() not in ("", "false") or not re.search(
                r"docker/(build-push|bake)-action", name
            )
            pushes = pushes and not _WORKBENCH.search(f"{step.input('file')} {step.input('context')}")
            found += [("build", name), *([("publish", name)] if pushes else [])]
        elif verb == "azure-docker":
            command = step.input("command").lower() or step.input("action").lower() or "buildandpush"
            found += [("build", name)] if "build" in command else []
            found += [("publish", name)] if "push" in command else []
        elif verb == "azure-provision":
            found += [("provision", name)] if step.input("command").lower() in ("", "apply") else []
        elif verb == "remote-training":
            found += [("submit", name), ("train", name)]
        elif step.input("draft").lower() == "true" or step.input("repo_type") in ("model", "dataset"):
            continue  # a person must publish it; no application
        elif verb == "publish-release":
            given = f"{step.input('files')} {step.input('artifacts')} "
            found += [(verb, name), *([("register", name)] if re.search(shell.MODEL, given) else [])]
        elif verb == "image-push":
            found += [("build", name), ("publish", name)]
        elif (name.startswith("HelmDeploy") and step.input("command") in ("package", "save", "lint", "ls")) or (
            name.startswith("Kubernetes@") and step.input("command") in ("get", "login", "logout", "describe")
        ):
            continue
        else:
            found.append((verb, name))
    return found + (_elsewhere(step) or ([] if found else _unknown(step)))


def _elsewhere(step: Step) -> list[tuple[str, str]]:
    """What a reusable workflow of another repository does: nobody here can read it, but it is named for something."""
    called = _ELSEWHERE.match(step.uses)
    for pattern, verb in _BY_FILE if called else ():
        if called and pattern.search(called[1]):
            where = next((step.input(n) for n in _TEST_PATH if step.input(n)), "")
            inputs = " ".join(f"--{k} {v}" for k, v in step.inputs if k in ("environment", "env", "stage", "target"))
            says = f"pytest {where}".strip() if verb == "test" else f"{step.uses} {inputs}".strip()
            return [(v, says) for v in verb.split()]
    return []


def _unknown(step: Step) -> list[tuple[str, str]]:
    """What an action of somebody's own does, where it is named for a deployment."""
    called = _ACTION.match(step.uses)
    if called is None or not _DEPLOYS.search(called[1]):
        return []
    built = any(_GIVEN.fullmatch(name) for name, _ in step.inputs)
    return [(verb, step.uses) for verb in (("build", "publish", "deploy") if built else ("deploy",))]


def scripts(step: Step) -> list[str]:
    """Shell that a named step is given to run."""
    if "github-script" in step.uses:  # JavaScript
        return []
    for action, program, given in _PROGRAMS:
        if step.uses.startswith(action):
            alone = program.startswith(("pre-commit", "pytest"))  # they know what to do
            return [f"{program} {step.input(given)}"] if alone or step.input(given) else []
    found = [step.input(name) for name in _SCRIPTS if step.input(name)]
    path = step.input("scriptPath") or step.input("filePath")
    if path:
        found.append(f"python {path}" if path.endswith(".py") else f"bash {path}")
    return found
