"""What a line of shell does: known tools to verbs, and which scripts, targets and stages it hands over to."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
import shlex
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from gradino.measure import exits, loops

# How a file of a model ends.
MODEL = r"\.(pth?|onnx|pkl|pickle|joblib|skops|h5|keras|safetensors|gguf|tflite|ckpt|cbm)\b"
_BY = r"(?i:git rev-parse|sha|hash|run_?(number|id)|version|tag|stamp|date|commit|build)"
# A verb here is one of those of `vocabulary`, or: test, build, publish, publish-package, docs, pull-data, push-data.
_TOOLS: tuple[tuple[str, str], ...] = (
    # deployment of a service or model
    (r"\bkubectl\s+(\S+\s+)*?(apply|replace|rollout\s+restart|set\s+image|create\s+-f)\b", "deploy"),
    (r"\bhelm\s+(\S+\s+)*?(upgrade|install)\b", "deploy"),
    (r"\b(terraform|tofu|terragrunt)\s+(\S+\s+)*?apply\b", "provision"),
    (r"\baz\s+ml\s+(online-deployment|online-endpoint|batch-deployment|batch-endpoint|endpoint)\s+(create|update)", "deploy"),
    (r"\baz\s+ml\s+(model\s+deploy|service\s+update)", "deploy"),
    (r"\baz\s+(containerapp|webapp|functionapp|container|appservice)\s+(\S+\s+)*?(up|update|create|deploy\w*|config|restart)", "deploy"),
    (r"\bgcloud\s+(\S+\s+)*?(run|app|functions)\s+(\S+\s+)*?deploy\b", "deploy"),
    (r"\bgcloud\s+(\S+\s+)*?(ai|ai-platform)\s+(\S+\s+)*?(deploy-model|versions\s+create)", "deploy"),
    (r"\bgcloud\s+run\s+services\s+(update|replace)", "deploy"),
    (r"\baws\s+(\S+\s+)*?ecs\s+(\S+\s+)*?update-service", "deploy"),
    (r"\baws\s+lambda\s+(update-function-(code|configuration)|create-function)", "deploy"),
    (r"\baws\s+(\S+\s+)*?sagemaker\s+(\S+\s+)*?(create|update)-endpoint", "deploy"),
    (r"\baws\s+apprunner\s+(start-deployment|update-service|create-service)", "deploy"),
    (r"\baws\s+elasticbeanstalk\s+update-environment|\beb\s+deploy", "deploy"),
    (r"\baws\s+(\S+\s+)*?cloudformation\s+(deploy|create-stack|update-stack|create-change-set)", "provision"),
    (r"\b(sam|cdk)\s+(\S+\s+)*?deploy\b|\baz\s+deployment\s+(group|sub)\s+create\b", "provision"),
    (r"\b(copilot|porter|clever|okteto|caprover|azd|koyeb|zeabur|chalice|rsconnect|lightning|vespa|runpodctl)\s+(\S+\s+)*?(re)?deploy\b|\bazd\s+up\b|\bwerf\s+converge|\bcog\s+push|\btruss\s+push|\bfunc\s+azure\s+functionapp\s+publish|\bsky\s+serve\s+(up|update)", "deploy"),
    (r"\bgcloud\s+(\S+\s+)*?deploy\s+releases\s+(create|promote)|\bscw\s+container\s+container\s+(deploy|update)|\bibmcloud\s+(ce|code-engine)\s+app(lication)?\s+(update|create)", "deploy"),
    (r"\b(DOCKER_HOST=[\"']?(ssh|tcp|\$)|docker\s+(-H|--host|-c|--context)[= ]).*\s(up|run)\s", "deploy"),
    (r"\b(serverless|sls)\s+(\S+\s+)*?deploy\b|\bzappa\s+(update|deploy)", "deploy"),
    (r"\bfly(ctl)?\s+(\S+\s+)*?deploy\b|\bheroku\s+(container:release|pipelines:promote|builds:create)|git\s+push\b.*\bheroku\b", "deploy"),
    (r"\banyscale\s+service\s+(rollout|deploy)|\bserve\s+deploy\b|\bmodal\s+deploy\b|\brailway(/cli)?\s+(up|redeploy)\b|\bvercel\b.*--prod", "deploy"),
    (r"\bbodywork\s+(deploy|create\s+deployment)|\bbentoml\s+(deploy|deployment)|\bbentoctl\s+apply", "deploy"),
    (r"git\s+push\s+\S*.*huggingface\.co/spaces|huggingface-cli\s+upload\s+.*--repo-type[= ]space", "deploy"),
    (rf"\bgh\s+release\s+(create|upload)\b.*{MODEL}", "deploy+register"),
    (r"\bmlem\s+deploy(ment)?\s+(run|apply)", "deploy"),
    (r"\bargocd\s+app\s+sync|\bkustomize\s+build\b.*\|\s*kubectl|\boc\s+(apply|rollout|start-build)", "deploy"),
    (r"\bdatabricks\s+bundle\s+deploy|\bdbx\s+deploy", "bundle-deploy"),
    (r"\bseldon\s+model\s+load|\bkserve\b.*apply", "deploy"),
    (r"(?i)\b(curl|wget|Invoke-(RestMethod|WebRequest))\b(?!.*(slack|discord|teams|notif))(?=.*(api\.render\.com/(deploy|v1/services/\S+/deploys)|/api/(v1/deploy\b|webhooks/)|(?-i:[A-Z]\w*)_?hook|\w+_hook))(?=.*(deploy|render|coolify|portainer|dokploy|railway|koyeb|caprover|watchtower))", "deploy"),
    (r"\bdocker\s+(stack\s+deploy|service\s+(update|create))|\bkamal\s+(re)?deploy|\bnomad\s+(job\s+)?run|\bhelmfile\s+(\S+\s+)*?(apply|sync)\b|\bskaffold\s+deploy", "deploy"),
    (r"\bssh\b.*\b(compose\b.*\sup\b|docker\s+(run|start|restart|service|stack)\b|(systemctl|supervisorctl)\s+(re)?(start|load)\b|pm2\s+(re)?(start|load)\b|nohup\s|make\s+\S*(up|deploy|restart)\b|deploy\w*\.sh\b)", "deploy"),
    (r"\baws\s+(\S+\s+)*?(ssm\s+send-command|deploy\s+create-deployment|lightsail\s+create-container-service-deployment)\b", "deploy"),
    (r"\bgcloud\s+(\S+\s+)*?compute\s+(\S+\s+)*?(update-container|create-with-container)\b|\bdoctl\s+apps\s+(create|update)|\bcf\s+push\b|\bwrangler\s+deploy", "deploy"),
    (r"\bdatabricks\s+serving-endpoints\s+(create|update-config)|\bmlflow\s+deployments\s+(create|update)\b|\bmlflow\s+(sagemaker|azureml)\s+(deploy|run)\b|\b(tfy|cerebrium|beam)\s+deploy\b", "deploy"),
    (r"\bansible-playbook\b.*(deploy|release|rollout)|git\s+push\s+(\S+\s+)*?dokku|\bhf\s+upload\b.*\bspace\b", "deploy"),
    (r"^\s*(npm\s+run|(yarn|pnpm)(\s+run)?)\s+\S*\bdeploy\b|\bpulumi\s+(\S+\s+)*?up\b|\b(cdktf|sst)\s+deploy\b", "provision"),
    (r"^(sudo\s+)?((systemctl|supervisorctl)\s+(re)?(start|load)|pm2\s+(re)?(start|load))\b", "start"),
    (r"\bgcloud\b.*\bupdate-traffic\b.*--to-(revisions|tags)[= ][\"']?[^\s,=]+=(?!0\b|100\b)(\S+,|\d\d?\b)|\baws\s+lambda\s+update-alias\b.*AdditionalVersionWeights|\baz\b.*--traffic[= ][\"']?\w+=(?!0\b|100\b)\d+\s+\w+=(?!0\b|100\b)\d+", "split-traffic"),
    (r"\bgcloud\b.*(\bupdate-traffic\b|\s--no-traffic\b)|\baz\b.*(--traffic[= ][\"']?\w+=\d+|\bdeployment\s+slot\s+swap|\bonline-deployment\s+create\b(?=.*--all-traffic)(?=.*\bname[= ]\S*\$))|\bhelm\b.*\s--atomic\b", "shift-traffic"),
    (r"\b(gcloud|aws|az|docker|kubectl)\b.*\s--?(min-instances|min-replica-count|min-replicas|desired-count|replicas|scale)[= ](\w+=)?([2-9]|\d\d)\b|\bkubectl\s+(\S+\s+)*?autoscale\b|\bdocker\s+rollout\s", "several"),
    (r"\b(docker|podman)[- ]compose\s+(\S+\s+)*?up\b|\b(docker|podman)\s+(container\s+)?run\b", "start"),
    # building
    (r"\bdocker\s+(\S+\s+)*?(buildx\s+build|build)\b.*--push", "publish"),
    (r"\bdocker(-|\s+)compose\s+(\S+\s+)*?push\b|\bdocker\s+(image\s+)?push\b|\bpodman\s+push|\bbuildah\s+push|\bcrane\s+push|\bpack\s+build\b.*--publish|\bearthly\b.*--push|\bbuildx\s+bake\b.*--push|\bskopeo\s+copy\s+docker-daemon:", "publish"),
    (r"\bgh\s+release\s+create\b(?!.*--draft).*\s\S*(dist/|\.(whl|zip|tgz|tar\.gz)\b)", "publish-release"),
    (r"\bdocker\s+(\S+\s+)*?build\b|\bpodman\s+build|\bbuildah\s+bud|\bdocker(-|\s+)compose\s+(\S+\s+)*?build\b", "build"),
    (r"\baz\s+acr\s+build|\bgcloud\s+(\S+\s+)*?builds\s+submit|\bko\s+publish|\bskaffold\s+(run|build)|\bs2i\b", "build+publish"),
    (r"(/kaniko/executor|\bkaniko\b)(?!.*--no-push)", "build+publish"),
    (r"\btwine\s+upload|\b(poetry|uv|flit|hatch|pdm)\s+publish|\bmaturin\s+publish|\banaconda\s+upload", "publish-package"),
    (r"\bpython3?\s+-m\s+build\b|setup\.py\s+(sdist|bdist_wheel)|\b(poetry|uv|hatch)\s+build\b", "build-package"),
    (r"\bmkdocs\s+gh-deploy|\bsphinx-build|\bmkdocs\s+build", "docs"),
    (r"^\s*(CI=\w+\s+)?(npm|yarn|pnpm|bun)\s+(run\s+|--\S+\s+)*(test|e2e)\b|^\s*(npx\s+)?(jest|vitest|cypress\s+run|playwright\s+test|mocha|bats|ctest|ava|karma\s+start|rspec)\b|\b(dotnet|go|cargo|swift|mix|bazel|ng|nx|xcodebuild)\s+test\b|\bsbt\b.*\btest|\b(lerna|turbo)\s+run\s+test\b|\b(mvnw?|gradlew?)\s+(\S+\s+)*?(test|verify|check|install|package|build)\b(?!.*(-DskipTests|-x\s+test))|\bR\s+CMD\s+check|\b(devtools::(test|check)|testthat::test_|rcmdcheck::|covr::|tinytest::)|\bPkg\.test\(", "other-test"),
    # training
    (r"\baz\s+ml\s+(job\s+create|run\s+submit)", "submit"),
    (r"\bgcloud\s+(\S+\s+)*?(ai\s+custom-jobs\s+create|ai-platform\s+jobs\s+submit\s+training|ai\s+hp-tuning-jobs)", "submit"),
    (r"\banyscale\s+jobs?\s+submit|\bray\s+job\s+submit|\bray\s+submit|\bsky\s+(jobs\s+)?launch|\bargo\s+submit|\bkfp\s+run", "submit"),
    (r"\bdbx\s+(launch|execute)", "run-job"),
    (r"\bdatabricks\s+(jobs\s+run-now|bundle\s+run|runs\s+submit)|\baws\s+sagemaker\s+start-pipeline-execution", "submit"),
    (r"\baws\s+sagemaker\s+create-training-job|\baws\s+batch\s+submit-job|\bcml[- ]runner", "submit"),
    (r"\bgcloud\s+ml-engine\s+jobs\s+submit\s+training|\b(sbatch|qsub|bsub)\s+\S|\bkaggle\s+kernels\s+push|\bclearml-task\b", "submit"),
    (r"\bwandb\s+launch\b|\bdet\s+e(xperiment)?\s+create|\bpolyaxon\s+run|\bdstack\s+(apply|run)|\bgradient\s+(jobs|workflows)\s+(create|run)", "submit"),
    (r"\brunpodctl\s+create\s+pods?\b|\bvastai\s+create\s+instance|\bgcloud\s+(\S+\s+)?dataproc\s+(jobs|batches)\s+submit|\bmcli\s+run\b|\bngc\s+batch\s+run|\bfloyd\s+run|\b(valohai|vh)\s+exec\w*\s+run|\bhf\s+jobs\s+(uv\s+)?run|\b(lightning|domino)\s+run\s+(job\s+)?\S+\.py|\bgrid\s+run\b", "submit"),
    (r"\baws\s+(\S+\s+)?(emr\s+add-steps|emr-serverless\s+start-job-run|glue\s+start-job-run|ecs\s+run-task)\b.*train|\b(gcloud|az)\b.*\bjobs?\s+(execute|start|submit)\b.*train", "submit"),
    (r"\brasa\s+train|\bspacy\s+train|\bludwig\s+train|\byolo\s+(\S+\s+)*?train\b", "train"),
    (r"\bmlflow\s+(models\s+)?serve|\bbentoml\s+serve|\btorchserve\b|\btensorflow_model_server", "serve"),
    (r"\b(uvicorn|gunicorn|hypercorn|streamlit\s+run|flask\s+run|fastapi\s+run|litestar\s+run)\b", "serve"),
    # data
    (r"\bdvc\s+(pull|fetch|get|import|update|checkout)\b", "pull-data"),
    (r"\bdvc\s+push\b", "push-data"),
    (r"\bcml[- ](send-)?comment|\bcml[- ]publish|\bdvc\s+metrics\s+(show|diff)", "report"),
    (r"\bkaggle\s+(datasets|competitions)\s+download|\bgdown\b|\b(wget|curl)\b.*(archive\.ics\.uci|kaggle|githubusercontent|zenodo|figshare|huggingface\.co/datasets)", "fixed"),
    (r"^(?!.*(localhost|127\.0\.0\.1|health|predict|github\.com|githubusercontent|/install|get\.|-X\s*(POST|PUT|DELETE)|\s(-d|--data)\b|uci\.|kaggle|zenodo|figshare|huggingface|\.(sh|tgz|tar\.gz|deb|zip|gz)\b))\s*(curl|wget)\b.*\s(-o|-O|--output\S*)[ =]?\s*\S*(data|raw|\.(csv|json|parquet|xml))|\bscrapy\s+crawl\b|\bmeltano\s+(run|elt)\b|\bdlt\s+pipeline\b", "collect"),
    # models under a version, or under the name of what made them
    (r"\baz\s+ml\s+model\s+(create|register)\b|\bgcloud\s+(\S+\s+)*?ai\s+models\s+upload\b|\baws\s+(\S+\s+)*?sagemaker\s+create-model-package\b|\bgto\s+register\b", "register"),
    (rf"\b(aws\s+s3\s+(cp|mv|sync)|gsutil\b.*\s(cp|rsync)|gcloud\s+storage\s+cp|az\s+storage\s+blob\s+upload|mc\s+cp|rclone\s+copy)\b(?=.*(model|{MODEL})).*\$\W*[\w.]*({_BY})", "register"),
    (r"\bgh\s+workflow\s+run\b|\b(curl|gh\s+api)\b.*/dispatches\b", "dispatch"),
    (r"\baws\s+cloudwatch\s+put-metric-alarm", "alert"),
    (r"\bcurl\b(?!.*\s(-\w*O\b|(-\w*o|--output)[= ](?!/dev/null)))(?!.*://\S*(install|get[.-]|setup_|\.(sh|gpg|asc|key|list|deb)\b|/gpg)).*(\s-\w*f\w*\b|--fail).*(localhost|127\.0\.0\.1|https?://)", "smoke"),
    (r"\baz\s+ml\s+(online|batch)-endpoint\s+invoke|\bnewman\s+run|\baws\s+sagemaker-runtime\s+invoke-endpoint|\bgcloud\s+ai(-platform)?\s+(\S+\s+)*?predict\b|\bhurl\b.*--test", "smoke"),
    (r"\b(schemathesis|st)\s+run\b|\blocust\b.*--headless|\bk6\s+run\b|\btavern-ci\b|\bartillery\s+run\b", "smoke"),
    (r"\bkubectl\s+(\S+\s+)*?rollout\s+undo|\bhelm\s+rollback", "rollback"),
)  # fmt: skip
_COMPILED = tuple((re.compile(p), v) for p, v in _TOOLS)
# What runs an image of the project on a machine of the cloud's.
_RUNS_IMAGE = re.compile(
    r"gcloud\b.*\srun\s+jobs\s+(execute\b|(deploy|create|update)\b.*\s--execute-now)|gcloud\s+(\S+\s+)?batch\s+jobs\s+submit\b|"
    r"aws\s+ecs\s+run-task\b|az\s+containerapp\s+job\s+start\b|kubectl\s+(\S+\s+)*?create\s+job\b"
)
_FOREIGN = ("Rscript", "julia", "node", "tsx", "ts-node", "scala")  # what runs scripts of other languages
_VALUED = ("-S", "--set-param", "-n", "--name", "-j", "--jobs", "-r", "--rev")  # options of dvc that a value follows
# What a container may be told to run instead of the image's own command.
_PROGRAM = re.compile(r"(\S*/)?(python[\d.]*|bash|sh|dvc|make|pytest|uv|poetry|mlflow|id|pip)")
_PINNED = re.compile(r"(\b(?:npx|bunx|pnpx|dlx|uvx)\s+(?:-\S+\s+)*@?[\w/-]+)@[\w.^~*-]+")  # a version behind a name
_HOLE = re.compile(r"\$\{\{[^}]*\}\}")
_LONGEST = 2_000  # characters of a command
_LONGEST_VALUE = 300  # of a variable's value
_WORD = re.compile(r"[A-Za-z0-9]+")
# One of these words stands in every command that a pattern above knows; most lines hold none.
_HEADS = frozenset(
    {"git", "gh", "kubectl", "helm", "terraform", "tofu", "terragrunt", "az", "gcloud", "aws", "gsutil", "mc", "rclone", "gto", "eb", "sam", "cdk",
     "copilot", "chalice", "serverless", "sls", "zappa", "fly", "flyctl", "heroku", "anyscale", "serve",
     "modal", "railway", "vercel", "bentoml", "bodywork", "bentoctl", "yatai", "huggingface", "argocd", "kustomize", "oc",
     "databricks", "dbx", "seldon", "mlem", "kserve", "render", "RENDER", "docker", "DOCKER", "podman", "buildah", "crane", "ssh",
     "ko", "skaffold", "s2i", "kaniko", "twine", "poetry", "uv", "flit", "hatch", "pdm", "maturin", "build",
     "setup", "mkdocs", "sphinx", "ray", "sky", "argo", "kfp", "cml", "rasa", "spacy", "ludwig", "yolo",
     "kamal", "nomad", "helmfile", "doctl", "cf", "wrangler", "tfy", "cerebrium", "beam", "ansible", "hf", "pulumi",
     "cdktf", "sst", "porter", "clever", "okteto", "caprover", "azd", "koyeb", "zeabur", "werf", "cog", "truss", "scw", "ibmcloud", "Invoke", "rsconnect", "vespa", "func", "pack", "earthly", "skopeo", "anaconda", "systemctl", "supervisorctl", "pm2",
     "mlflow", "torchserve", "uvicorn", "gunicorn", "hypercorn", "streamlit", "flask", "fastapi", "litestar",
     "npm", "yarn", "pnpm", "bun", "npx", "jest", "vitest", "cypress", "playwright", "mocha", "bats", "ctest",
     "dotnet", "go", "cargo", "sbt", "swift", "mvn", "mvnw", "gradle", "gradlew",
     "scrapy", "meltano", "dlt", "runpodctl", "vastai", "mcli", "ngc", "floyd", "valohai", "vh", "lightning", "domino", "grid",
     "sbatch", "qsub", "bsub", "clearml", "wandb", "det", "polyaxon", "dstack", "gradient",
     "dvc", "kaggle", "gdown", "wget", "curl", "tensorflow", "newman", "hurl", "schemathesis", "st", "locust", "k6", "tavern", "artillery", "R", "testthat", "devtools", "tinytest",
     "rcmdcheck", "covr", "Pkg", "rspec", "ng", "nx", "lerna", "turbo", "ava", "karma", "xcodebuild", "mix", "bazel"}
)  # fmt: skip
_TEST = re.compile(
    r"^(?:docker(?:-compose| compose)?\s+(?:-\S+\s+)*(?:run|exec)\s+.*\s)?(?:\S*/)?"
    r"(?:pytest|py\.test|(?:python[\d.]*|coverage\s+run)\s+(?:.*\s)?-m\s+(?:pytest|unittest|nose2?)|nosetests|rasa test|(?:hatch|rye) test|behave|robot|python[\d.]*\s+(?:setup\.py\s+(?:test|pytest)|(?:\S*/)?manage\.py\s+test))(?=\s|$)"
)
_INSTALLS = re.compile(
    r"(python3? -m )?(pip3?|uv pip|conda|mamba|apt(-get)?|npm|brew|poetry|uv|pdm|pipenv)\s+(install|add|sync)\b"
)
_TRIVIAL = re.compile(r"^\s*((echo|printf|true|:|ls|pwd|cd|sleep|exit 0|set|export|cat)(?![\w-])|#)")
_PREFIXES = re.compile(
    r"^\s*(sudo|(\S*/)?time(\s+-\w+)*|nohup|exec|command|(\S*/)?(uvx|pipx run)(\s+--(with|with-editable|from|python|spec)\s+\S+|\s+-\S+)*|(\S*/)?uv run(\s+(--(with|python|group|extra|env-file|package|directory|project|with-requirements)|-p)\s+\S+|\s+-[\w=./-]+)*|poetry run|pipenv run|pdm run|rye run|hatch run|(conda|mamba|micromamba) run(\s+-[np]\s+\S+|\s+--?\S+)*|"
    r"pixi run(\s+(-e|--environment)\s+(\$\{\{[^}]*\}\}|\S+))*|xvfb-run(\s+-\S+)*|timeout\s+\S+|srun(\s+--?\S+)*|mpi(run|exec)(\s+-\S+(\s+\d+)?)*|accelerate launch|torchrun(\s+--\S+)*|coverage run(?!.*\s-m\s)|env(\s+\w+=\S+)*|\w+=(\"[^\"]*\"|'[^']*'|\S+)(\s+\w+=(\"[^\"]*\"|'[^']*'|\S+))*)\s+"
)


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: `text` as written, `soft` where its failure is swallowed."""

    text: str
    line: int
    soft: bool = False
    piped: bool = False  # its exit status is lost in a pipe


@dataclass(frozen=True, slots=True)
class Handover:
    """What a command passes control to: `kind` is python, module, shell, make, dvc, notebook, compose, tool, kedro, mlproject, npm."""

    kind: str
    target: str
    words: tuple[str, ...] = ()


_SETS = r"(?:export|local|readonly|declare(?:\s+-\w+)*)"
# A line that sets a variable to what can be read, and whatever else may change one.
_ASSIGNED = re.compile(
    rf"^[ \t]*(?:{_SETS}[ \t]+)?([A-Za-z_]\w*)=(?:\"((?:[^\"$`\\\n]|\$(?:\w+|\{{\w+\}}|\{{\{{[^}}|&\n]*\}}\}}))*)\"|'([^'\n]*)'|((?:[\w./:@%+=,-]|\$(?:[A-Za-z_]\w*|\{{\w+\}}))+))"
    r"[ \t]*(?:#.*|;)?$",
    re.M,
)
_CHANGED = re.compile(
    rf"(?:^|[;&|()]|\b(?:then|do|else|{_SETS})\s)[ \t]*([A-Za-z_]\w*)\+?=|\b(?:for|read)\s+(?:-\w+\s+)*([A-Za-z_]\w*)",
    re.M,
)
_USED = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")


def tight(text: str) -> str:
    """A text with each expression of a workflow as one word."""
    return _HOLE.sub(lambda hole: hole[0].replace(" ", ""), text)


def filled(script: str) -> str:
    """A script with the variables in their places that it sets itself, once and to what can be read."""
    times = Counter(a or b for a, b in _CHANGED.findall(script)) if "=" in script and "$" in script else Counter()
    known: dict[str, str] = {}

    def value(used: re.Match[str]) -> str:
        return known.get(used[1] or used[2], used[0])

    for name, loose, exact, plain in _ASSIGNED.findall(script) if times else ():
        if times[name] == 1:
            known[name] = exact or tight(_USED.sub(value, loose or plain))[:_LONGEST_VALUE]
    return _USED.sub(value, script) if known else script


_CHOICE = re.compile(r"^[\w|*.\"'-]+\)\s+")  # of a case
# A program that is given a text in quotes which goes on over lines.
_SSH = r"\s*(?:sudo\s+)?(?:sshpass\s.*?\s)?ssh\s"
_OPENS = re.compile(rf"""(?:python[\d.]*\s+-c\s+|^{_SSH}[^"'#]*)(["'])""")


def commands(script: str, line: int = 0, strict: bool = True) -> list[Command]:
    """A script as simple commands; comments are left out, and here-documents that no shell reads.

    Where it is not `strict` (`set -e`), only its last command can make it fail, or one whose failure it remembers.
    """
    found: list[Command] = []
    kept = exits.flags(script)
    pending, start, until, lenient = "", line, "", False
    inline, quote = "", ""
    fed, body = "", list[str]()  # what reads a here-document, and its lines
    asked = not re.search(r"\b(exit|return)\s+[\"']?[1-9$]|\bfalse\b", script)  # no failed condition ends it
    for number, raw in ((n, x) for n, whole in enumerate(script.split("\n"), line) for x in whole.split(loops.BREAK)):
        if quote:  # inside python -c "…" that goes on over lines
            inline += "\n" + raw
            if quote in raw.replace("\\" + quote, ""):
                if re.match(_SSH, inline):
                    inline = re.sub(r"\s*\n\s*", " ; ", inline)[:_LONGEST]
                found.append(Command(inline, start, lenient or bool(re.search(r"\|\|\s*(true|echo)", raw))))
                quote = ""
            continue
        opened = _OPENS.search(raw)
        if opened and not until and raw[opened.end() :].replace("\\" + opened[1], "").count(opened[1]) == 0:
            inline, quote, start = raw[opened.start() :], opened[1], number
            continue
        if until:
            if raw.strip() != until:
                body.append(raw)
                continue
            if fed == "ssh":
                found.append(Command(f"ssh {' ; '.join(map(str.strip, body))}"[:_LONGEST], start, lenient))
            elif fed == "python":
                found.append(Command(f"python -c {shlex.quote(chr(10).join(body))}", start, lenient))
            elif fed and not any("<<" in x for x in body):
                found += commands("\n".join(body), start + 1)
            until = ""
            continue
        text = raw.strip()
        if not pending:
            start = number
        if not text or (text.startswith("#") and not pending):
            continue
        if text.endswith(("\\", "`", "^")) and not text.endswith("``"):
            pending += text[:-1] + " "
            continue
        text, pending = pending + text, ""
        if here := re.search(r"<<-?\s*\\?['\"]?(\w+)['\"]?", text):
            feeds = "ssh" if re.match(_SSH, text) else "shell" if re.match(r"(sudo\s+)?(ba)?sh\s", text) else ""
            feeds = feeds or ("python" if re.match(r"python[\d.]*\s+(-\s*)?<<", bare(text)) else "")
            until, fed, body = here[1], feeds, list[str]()
        if re.match(r"set\s+\+e\b", text) and not exits.handles(script):
            lenient = True
        if re.search(r"\|\|\s*\w+=", text) and not re.search(r"exit\s+[\"']?\$|\bif\b|\[\s", script):
            text += " || true"  # the exit code is kept and never used
        if "pipefail" in script.replace("+o pipefail", "") and "|" in text:
            text += " # pipefail"
        remembered = (m[1] for m in re.finditer(r"\|\|\s*(\w+)=", text)) if lenient and kept else ()
        found += _split(text, start, lenient and kept.isdisjoint(remembered), asked)
    if pending:
        found += _split(pending.strip(), start, lenient, asked)
    if strict or exits.handles(script):
        return found
    firm = {c.line for c in found if "=" in c.text and c.text.partition("=")[0] in kept}
    last = next((c for c in reversed(found) if c.text not in ("fi", "done", "esac", "}")), None)
    return [c if c is last or c.line in firm else replace(c, piped=True) for c in found]


_INLINE = re.compile(r"python[\d.]*\s+-c\s")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_HIDDEN = str.maketrans(";|&", "\1\2\3")
_SHOWN = {v: chr(k) for k, v in _HIDDEN.items()}


def _split(text: str, line: int, lenient: bool, asked: bool) -> list[Command]:
    """Simple commands of a line; `asked`: what stands behind `if` may fail without a consequence."""
    soft = lenient or bool(re.search(r"\|\|\s*(true|:|echo|exit 0|printf)\b|;\s*(true|exit 0)\s*$|(?<!&)&\s*$", text))
    strict = "pipefail" in text
    text = re.sub(r"\s#\s.*$", "", text)
    if _INLINE.search(text):  # statements of Python are none of the shell's
        text = _QUOTED.sub(lambda quoted: quoted[0].translate(_HIDDEN), text)
    parts: list[tuple[str, bool]] = []
    # the other machine's shell gets the whole line
    for chain in [text] if re.match(_SSH, text) else re.split(r"&&|\|\||;", text):
        pipe = [p.strip() for p in re.split(r"(?<![|&>])\|(?!\|)", chain)]
        parts += [(p, i < len(pipe) - 1 and not strict) for i, p in enumerate(pipe)]
    words = ("if ", "then ", "do ", "else ", "! ", "(", "{ ")
    kept: list[Command] = []
    for part, piped in parts:
        condition = asked and part.startswith(("if ", "while ", "until "))
        part = _CHOICE.sub("", part)
        for word in words:
            part = part.removeprefix(word).strip()
        if part:
            kept.append(Command(part[:_LONGEST].translate(_SHOWN), line, soft, piped or condition))
    return kept


def trivial(command: str) -> bool:
    """Whether a command only talks."""
    return bool(_TRIVIAL.match(command))


@lru_cache(maxsize=32768)
def verbs(command: str) -> tuple[str, ...]:
    """What known tools in a command do."""
    return tuple(_verbs(command))


def _verbs(command: str) -> list[str]:
    if trivial(command) or _INSTALLS.match(bare(command)):
        return []
    found: list[str] = []
    command = _PINNED.sub(r"\1", command)
    if _TEST.search(bare(command)) and not re.search(r"--(version|help|collect-only|co)\b", command):
        found.append("test")
    for pattern, verb in () if _HEADS.isdisjoint(_WORD.findall(command)) else _COMPILED:
        if pattern.search(command) and not (verb == "build" and ("publish" in found or "build+publish" in found)):
            found += verb.split("+") if "+" in verb else [verb]
            if verb == "publish" and "build" in command:
                found.append("build")
    if re.search(r"--(dry-run|help|version)\b(?!=none)", command):
        return [v for v in found if v in ("test", "build")]
    return found


# Python under a path in quotes, or in a variable that is named for it.
_PYTHON = re.compile(r"^(?:\"[^\"\s]*/python[\d.]*\"|\"?\$[({]?(?:\w+_)?py(?:thon)?\d*(?:_\w+)?[)}]?\"?)(?=\s)", re.I)


def bare(command: str) -> str:
    """A command without the launchers before it."""
    before = ""
    while before != command:
        before, command = command, _PREFIXES.sub("", command, count=1)
    return _PYTHON.sub("python", command)


def handover(command: str) -> Handover | None:
    """Which script, module, target or stage a command runs."""
    named = re.match(r"\s*(pixi|pdm|rye|hatch)\s+run\b", command)  # a task of the project, unless a program
    module = re.match(r"\s*uv\s+run\s+(?:-\S+\s+)*?-m\s+(\S.*)", command)
    command = f"python -m {module[1]}" if module else bare(command)
    command = tight(command)
    if trivial(command):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    if not words:
        return None
    head, rest = words[0].rsplit("/", 1)[-1] if not words[0].startswith("./") else words[0], words[1:]
    if re.fullmatch(r"python[\d.]*(\.exe)?|ipython|pypy3?|py|\$\{?\w*PYTHON\w*\}?|torchrun", head):
        return _python(rest)
    if head == "spark-submit" and "--class" not in rest:
        return _python(rest)
    if head in _FOREIGN or head == "spark-submit" or (head == "sbt" and "run" in command):
        script = next((w for w in rest if re.search(r"\.(R|r|Rmd|jl|js|mjs|ts|scala|java)$", w)), "")
        named = re.search(r"(?:--class|runMain)[= ]+([\w.]+)", command)
        if script or named:
            return Handover("foreign", script or (named[1].rpartition(".")[2] if named else ""), tuple(rest))
    if head in ("bash", "sh", "source", ".", "zsh") and rest:
        if "-c" in rest:
            return Handover("inline", rest[-1])
        script = next((w for w in rest if not w.startswith("-")), "")
        return Handover("shell", script, tuple(rest)) if script else None
    if head == "task" and rest:
        return Handover("runner", rest[0], ())
    if head in ("make", "just"):
        folder = rest[rest.index("-C") + 1] if "-C" in rest and rest.index("-C") + 1 < len(rest) else ""
        targets = [w for w in rest if not w.startswith("-") and "=" not in w and w != folder]
        return Handover("make", " ".join(targets) or "", (folder,))
    if (head == "mise" and rest[:1] == ["run"]) or (head in ("poe", "inv", "invoke", "doit", "hatch") and rest):
        tasks = rest[1:] if rest[0] == "run" and len(rest) > 1 else rest
        return Handover("runner", tasks[0], tuple(tasks[1:]))
    if head in ("nox", "tox", "pre-commit"):
        return Handover("runner", head, tuple(rest))
    if head in ("npm", "yarn", "pnpm", "bun") and rest:
        script = next((w for w in rest if not w.startswith("-") and w not in ("run", "run-script")), "")
        return Handover("npm", script) if script else None
    if head == "dvc" and rest[:1] and (rest[0] in ("repro",) or rest[:2] == ["exp", "run"]):
        given = (w for before, w in pairwise(rest) if not w.startswith("-") and "=" not in w and before not in _VALUED)
        return Handover("dvc", "", tuple(w for w in given if w != "run"))
    if head == "treon" or (head in ("pytest", "py.test") and re.search(r"--nb(make|val)", command)):
        return Handover("notebooks", "", tuple(rest))
    if head == "papermill" or (head == "jupyter" and "nbconvert" in rest and "--execute" in rest) or head == "runipy":
        book = next((w for w in rest if w.endswith(".ipynb")), "")
        return Handover("notebook", book) if book else None
    if head == "kedro" and rest[:1] == ["run"]:
        return Handover("kedro", "")
    if head == "mlflow" and rest[:1] == ["run"]:
        entry = next((w for before, w in pairwise(rest) if before in ("-e", "--entry-point")), "main")
        return Handover("mlproject", rest[1] if len(rest) > 1 else ".", (entry,))
    if head in ("docker-compose",) or (head == "docker" and rest[:1] == ["compose"]):
        services = [w for w in rest if not w.startswith("-") and w not in ("compose", "up", "run", "build")]
        return Handover("compose", "", tuple(services)) if {"up", "run"} & set(rest) else None
    if _RUNS_IMAGE.match(command):
        return Handover("docker", "")
    if head == "docker" and rest[:1] == ["run"]:
        own = next((i for i, w in enumerate(rest) if _PROGRAM.fullmatch(w) and rest[i - 1][:1] != "-"), 0)
        return Handover("inline", shlex.join(rest[own:])) if own else Handover("docker", "", tuple(rest[1:]))
    if words[0].startswith("./") or head.endswith((".sh", ".py")):
        kind = "python" if words[0].endswith(".py") else "shell"
        return Handover(kind, words[0], tuple(rest))
    return Handover("runner" if named else "tool", head.rpartition(":")[2], tuple(rest))


def _python(words: list[str]) -> Handover | None:
    for i, word in enumerate(words):
        if word == "-m" and words[i + 1 : i + 2] in (["invoke"], ["poethepoet"], ["nox"], ["tox"]) and words[i + 2 :]:
            return Handover(
                "runner", words[i + 1] if words[i + 1] in ("nox", "tox") else words[i + 2], tuple(words[i + 2 :])
            )
        if word == "-m" and i + 1 < len(words):
            return Handover("module", words[i + 1], tuple(words[i + 2 :]))
        if word == "-c" and i + 1 < len(words):
            return Handover("python-text", words[i + 1])
        if word.endswith(".py"):
            return Handover("python", word, tuple(words[i + 1 :]))
    return None
