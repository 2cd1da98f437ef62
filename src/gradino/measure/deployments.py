"""Which firings put a model, or the service that embeds it, into use, and where to."""

import re
from functools import lru_cache

from gradino.measure.images import idle
from gradino.measure.scene import Firing, Scene

STAGING = re.compile(r"\b(stag(e|ing)|stg|uat|qa|pre ?prod(uction)?|acceptance|preview|nonprod)\b", re.I)
TESTING = re.compile(r"\b(dev(elopment)?|test(ing)?)\b", re.I)
PRODUCTION = re.compile(r"\b(prod(uction)?|prd|live)\b", re.I)


_BACK = re.compile(r"roll_?back", re.I)  # to what was deployed before


@lru_cache(maxsize=1)
def deployments(scene: Scene) -> list[Firing]:
    """Every firing that puts a model, or the service that embeds it, into use."""
    defined = defines_a_service(scene)
    asked = _asks_the_registry(scene)
    published = _published(scene)
    return [
        f
        for f in scene.firings
        if not _of_something_else(scene, f.job.path) and not _throwaway(f) and not _BACK.search(f.job.name)
        if (
            f.effect.verb in ("deploy", "bundle-deploy")
            and not _beside(scene, f)
            and not others_chart(scene, f.effect.says)
            and not _another_image(scene, f, published)
        )
        or (f.effect.verb == "provision" and defined)
        or (f.effect.verb == "promote" and asked and f.job.system != "Makefile")
    ]


def defines_a_service(scene: Scene) -> bool:
    """Whether what is provisioned holds something that answers."""
    known = ("Terraform", "CloudFormation", "CDK", "Pulumi", "Bicep", "Kubernetes")
    return any(r.traits & {"serving", "endpoint"} and r.system in known for r in scene.resources)


_CLUSTER = re.compile(
    r"kind-action|\bkind\s+create\s+cluster|minikube\s+start|setup-minikube|k3d\s+cluster\s+create|setup-k3d|localstack"
)


def _throwaway(firing: Firing) -> bool:
    """Whether the cluster that is deployed to lives as long as the job: that is a test."""
    checked = firing.job.system not in ("Makefile", "Docker Compose")
    return checked and any(_CLUSTER.search(f"{s.uses} {s.run}") for s in firing.job.steps)


@lru_cache(maxsize=512)
def _of_something_else(scene: Scene, path: str) -> bool:
    """Whether the folders that a CI file names hold a page, a client, documents, and none of them Python."""
    text = scene.tree.text(path) or "" if path.endswith((".yml", ".yaml")) else ""
    folders, python, other = _folders(scene)
    named = [d for d in folders if d in text and re.search(_INSIDE.format(re.escape(d)), text)]
    return any(d in other for d in named) and not any(d in python for d in named) and bool(_OTHER.search(text))


_INSIDE = r"(?<![\w/.-])(?:{0}/|(?:cd|working-directory:|context:)\s+(?:\./)?{0}\b)"  # a folder that is named


@lru_cache(maxsize=1)
def _folders(scene: Scene) -> tuple[set[str], set[str], set[str]]:
    """The folders at the top, those that hold Python, and those that hold something else that is built."""
    every = {p.partition("/")[0] for p in scene.tree.sizes if "/" in p and not p.startswith(".")}
    python = {p.partition("/")[0] for p in scene.code.paths}
    return every, python, {p.partition("/")[0] for p in scene.tree.sizes if _WRITTEN.search(p)}


_WRITTEN = re.compile(r"(?<!README)\.(jsx?|tsx?|vue|svelte|html|css|dart|java|kt|cs|go|mdx?)$")
# What builds something that is not Python.
_OTHER = re.compile(
    r"setup-node|setup-dotnet|setup-java|setup-go|\bnpm\b|\byarn\b|\bpnpm\b|\bdotnet\b|\bmvn\b|gradle", re.I
)


def _published(scene: Scene) -> frozenset[str] | None:
    """Names of the images that the project pushes; None where one cannot be read."""
    said = [f"{f.step.input('tags')} {f.step.input('images')} {f.effect.says}" for f in scene.fired("publish")]
    names = [image_name(word) for text in said for word in text.split() if re.search(r"/[^\s:]|[^\s]:", word)]
    return None if any("$" in n or "{" in n for n in names) else frozenset(n for n in names if n)


def image_name(word: str) -> str:
    """An image without its registry, owner and tag."""
    return re.sub(r"\$\{\{.*?\}\}", "$", word).split("@")[0].rpartition("/")[2].partition(":")[0]


def _another_image(scene: Scene, firing: Firing, published: frozenset[str] | None) -> bool:
    """Whether a manifest is applied whose images are none of those that the project publishes."""
    where = _APPLIED.search(firing.effect.says)
    by_hand = firing.job.system in ("Makefile", "Docker Compose")
    if (
        not where
        or published is None
        or (by_hand and not published)
        or any("set image" in s.run or "sed " in s.run for s in firing.job.steps)
    ):
        return False
    texts = _manifests(scene, where[1])
    images = [i for t in texts for i in re.findall(r"^[\s-]*image:\s*[\"']?([^\s\"']+)", t, re.M)]
    return bool(images) and not any("$" in i or "{" in i or image_name(i) in published for i in images)


_APPLIED = re.compile(r"(?:kubectl.*\bapply\b.*\s-f[ =]|^GitOps/sync )(\S+)")
_AROUND = re.compile(
    r"Namespace|ConfigMap|Secret|Service|Ingress|ServiceAccount|(Cluster)?Role(Binding)?|PersistentVolume(Claim)?|"
    r"HorizontalPodAutoscaler|PodDisruptionBudget|NetworkPolicy|ServiceMonitor|PodMonitor|PrometheusRule|"
    r"VirtualService|DestinationRule|Gateway|AnalysisTemplate|Certificate|ResourceQuota|LimitRange"
)


def _manifests(scene: Scene, named: str) -> list[str]:
    """Texts of the manifests that a command names by file or folder."""
    place = named.removeprefix("./").rstrip("/")
    return [scene.tree.short(p) for p in scene.tree.sizes if p == place or p.startswith(f"{place}/")]


_HELM = re.compile(r"\bhelm\s+(?:\S+\s+)*?(?:upgrade|install)\b([^`\n]*)")
_CHART = re.compile(r"(?<=\s)[a-z][\w-]*/[a-z][\w-]*(?=\s|$)")


def others_chart(scene: Scene, command: str) -> bool:
    """Whether Helm is given no chart, or one that others keep and no image of the project's own with it."""
    found = _HELM.search(command)
    if not found or re.search(r"\$|image|oci:|\./", found[1]):
        return False
    charts = _CHART.findall(found[1])
    return not found[1].strip(" ,.;") or (bool(charts) and not any(scene.tree.holds(c) for c in charts))


def applicable(scene: Scene, command: str) -> bool:
    """Whether the manifests that a command applies are there and say what runs; one that names none may do anything."""
    if others_chart(scene, command):
        return False
    where = _APPLIED.search(command)
    named = where[1].strip("`\"'") if where else ""
    if named in ("", "-") or re.search(r"[$<{:]", named):
        return True
    place = named.removeprefix("./").rstrip("/")
    found = _manifests(scene, named) or [scene.tree.short(p) for p in scene.tree.sizes if p.endswith(f"/{place}")]
    return bool(found) and not _around(found)


def _around(texts: list[str]) -> bool:
    """Whether manifests hold only what surrounds a service: its name space, settings, address."""
    kinds = [k for t in texts for k in re.findall(r"^kind:\s*[\"']?(\w+)", t, re.M)]
    return bool(kinds) and all(_AROUND.fullmatch(k) for k in kinds)


def _beside(scene: Scene, firing: Firing) -> bool:
    """Whether only what surrounds a service is applied: its name space, settings, address."""
    where = _APPLIED.search(firing.effect.says)
    return where is not None and _around(_manifests(scene, where[1]))


def _asks_the_registry(scene: Scene) -> bool:
    """Whether some code uses what a registry says is live; a promotion that nobody reads deploys nothing."""
    asks = re.compile(
        r"models:/|get_latest_versions|get_model_version_by_alias|/versions/|load_registered|ModelPackage"
    )
    asking = {m.path for m in scene.modules if asks.search(scene.tree.short(m.path))}
    return bool(asking) and not asking <= {u.path for u in scene.used("promote")} | idle(scene.tree)


def released(scene: Scene) -> list[Firing]:
    """The deployments that reach users: those to production where any is named so, else all but rehearsals."""
    every = deployments(scene)
    approved = [f for f in every if f.job.system == "CodePipeline" and "event" in f.job.triggers]
    every = approved or every  # what a new version in the registry starts is its release; the rest is what it stands on
    named = [f for f in every if PRODUCTION.search(place(f))]
    if any(f.job.system != "Makefile" for f in named):
        return named
    return [f for f in every if not (TESTING.search(target(f)) or STAGING.search(target(f)))]


def target(firing: Firing) -> str:
    """The words that say where a deployment goes."""
    named = (
        f"{firing.job.environment} {firing.job.name}"
        if re.search(r"deploy|release|stage", firing.job.name, re.I)
        else firing.job.environment
    )
    flags = " ".join(re.findall(r"(?:-t|--target|--env|--environment|--stage)[ =](\S+)", firing.effect.says))
    return _words(f"{named} {flags}")


def place(firing: Firing) -> str:
    job = firing.job
    return _words(f"{job.environment} {job.name} {job.path.rpartition('/')[2]} {job.group} {firing.effect.says}")


def _words(text: str) -> str:
    return re.sub(r"[_\W]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text))
