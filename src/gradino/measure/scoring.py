"""Which files turn a model and an input into an answer for others."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from functools import lru_cache
from itertools import islice

from gradino.measure import vocabulary
from gradino.measure.python import BODY, MAIN, Call, Module
from gradino.measure.scene import Scene, tested
from gradino.measure.tree import ours

_ROUTES = re.compile(
    r"(^|\.)(get|post|route|api_route|put|websocket|api|service|deployment|remote_method|task|shared_task|agent|actor|message|"
    r"message_handler|command|on_message|subscriber|cls|function)$"
)
# Calls that give a function a route, bases of classes that answer requests, and of those that frameworks serve.
_ADDS = re.compile(
    r"(^|\.)(add_(api_)?(websocket_)?route|add_url_rule|add_(post|get|put|resource|api|handler)|add_routes)$"
)
_VIEWS = re.compile(
    r"(^|\.)(Resource|MethodView|APIView|\w*ViewSet|GenericAPIView|View|RequestHandler|HTTPEndpoint|HTTPMethodView|\w+Servicer)$"
)
_SERVED = re.compile(
    r"(^|\.)(BaseHandler|LitAPI|PythonModel|InferenceSpec|BasePredictor|MAXModelWrapper|PredictAPI|TritonPythonModel|"
    r"DefaultHandlerService|Executor|BentoService|SeldonComponent)$|(kserve|mlserver).*Model"
)
_OWN = frozenset({"EndpointHandler", "TritonPythonModel"})  # classes that a platform finds by their name
_SERVERS = frozenset({"fastapi", "flask", "bentoml", "litserve", "gradio", "streamlit", "ray", "kserve", "litestar", "sanic", "tornado",
                      "aiohttp", "starlette", "django", "rest_framework", "robyn", "quart", "chalice", "dash", "mlserver", "nicegui", "chainlit",
                      "celery", "dramatiq", "faust", "faststream", "aiogram", "telebot", "discord", "modal", "flask_restful", "flask_restx", "flask_restplus", "maxfw", "falcon", "bottle", "grpc", "connexion", "shiny", "panel", "azure"})  # fmt: skip
_HOOKS = frozenset({"model_fn", "predict_fn", "transform_fn"})  # of SageMaker's containers
_HANDLERS = frozenset({"input_handler", "output_handler"})  # around TensorFlow Serving there


# What loads a model and answers with it in other languages, by the ends of their files: both must be said.
_ELSEWHERE: dict[tuple[str, ...], tuple[re.Pattern[str], re.Pattern[str]]] = {
    (".R", ".r"): (re.compile(r"readRDS\(|\bload\(|vetiver|xgb\.load|h2o\.loadModel|load_model"), re.compile(r"#\*\s*@(post|get)|shiny|pr_(post|get)|vetiver|plumber|beakr")),
    (".js", ".ts", ".mjs"): (re.compile(r"load(Layers|Graph)Model\(|InferenceSession\.create|tf\.loadModel|pipeline\(\s*['\"][\w-]+-"), re.compile(r"\.(predict|run|execute|classify)\(|classifier\(")),
    (".go", ".rs", ".cpp", ".cc", ".cs"): (re.compile(r"onnxruntime|tensorflow/go|tract_|libtorch|torch::jit::load|ort::|Microsoft\.ML|leaves\.|LGBM_Booster|mlContext\.Model\.Load"), re.compile(r"[Pp]redict|\.[Rr]un\(|forward\(|[Ii]nfer")),
    (".java", ".kt", ".scala"): (re.compile(r"OrtSession|createSession\(|PipelineModel\.(load|read)|SavedModelBundle|XGBoost\.loadModel|MojoModel|mleap|jpmml|Predictor<|ModelSerializer\.restore"), re.compile(r"\.(run|predict|transform|evaluate|score)\w*\(")),
    (".jl",): (re.compile(r"machine\(\s*[\"']|BSON\.@?load|JLD2?\.load|deserialize\(|load_model"), re.compile(r"\bpredict\w*\(|route\(|HTTP\.")),
    (".sh", "Makefile", "Procfile"): (re.compile(r"^(?![ \t]*(?:#|@?echo\b)).*\b(mlflow\s+models\s+serve|bentoml\s+serve|torchserve|tensorflow_model_server|mlserver\s+start)\b", re.M), re.compile(r"models?\b")),
    (".sql",): (re.compile(r"\bML\.PREDICT\s*\(|\bai_query\s*\(|\bsnowflake\.ml|!PREDICT\s*\("), re.compile(r"(?i)\bselect\b")),
    ("Dockerfile",): (re.compile(r"FROM\s+\S*(tensorflow/serving|tritonserver|torchserve|openvino/model_server|mlserver|seldonio/)"), re.compile(r"COPY|ADD|MODEL_|CMD|ENTRYPOINT")),
    ("config.pbtxt",): (re.compile(r"(platform|backend)\s*:"), re.compile(r"(max_batch_size|input)\b")),
}  # fmt: skip


_MOST_FILES = 400  # behind a test


def _in_other_languages(scene: Scene) -> list[str]:
    """Files of other languages than Python that load a model and answer with it."""
    found = []
    for ends, (loads, answers) in _ELSEWHERE.items():
        for path in (p for p in scene.tree.sizes if p.endswith(ends) and ours(p) and not tested(p)):
            text = scene.tree.short(path)
            if loads.search(text) and answers.search(text):
                found.append(path)
    return found


@lru_cache(maxsize=1)
def scoring_files(scene: Scene) -> list[str]:
    """Files that turn a model and an input into an answer for others."""
    found: list[str] = []
    for module in scene.modules:
        if _deaf(module) or _unasked(scene, module):
            continue
        names = set(module.functions)
        calls = module.calls()
        bases = [b for bs in module.classes.values() for b in bs]
        routes = bool(_SERVERS & module.packages) and (
            any(_ROUTES.search(d.name) for f in module.functions.values() for d in f.decorators)
            or any(_ADDS.search(c.name) for c in calls)
            or any(_VIEWS.search(b) for b in bases)
        )
        pages = bool({"streamlit", "gradio", "dash", "chainlit"} & module.packages)
        scores = any(
            c.method.startswith(("predict", "infer"))
            or c.method
            in (
                "generate_prediction",
                "InferenceSession",
                "invoke_endpoint",
                "create_batch_prediction_job",
                "BulkInferrer",
                "generate",
            )
            or any(v in ("load", "predict") for v, _ in vocabulary.verbs(c, module))
            for c in calls
        )
        named = re.search(
            r"_(scor(e|ing)|inference|predict)\w*\.py$|(^|/)(inference|scoring|serving|prediction)/(\w+/)*\w+\.py$|(^|/)(score|scoring|inference|predict\w*|serv(e|ing|er)|infer|batch_inference|forecast|recommend|classify|model_handler|handler|lambda_function|app|main|api|endpoint)\w*\.py$",
            module.path,
        )
        hooks = {"init", "run"} <= names
        served = any(_SERVED.search(b) for b in bases) or bool(_OWN & set(module.classes))
        served = served or bool(_HOOKS & names) or names >= _HANDLERS
        if (
            _by_script(scene, module)
            or any(c.method == "invoke_endpoint" for c in calls if not module.path.endswith(".ipynb"))
            or (
                re.search(r"(infer|predict|submi|scor)\w*\.ipynb$", module.path.lower())
                and any(_loads(c, module) for c in calls)
            )
            or (
                (routes and (scores or _reaches_model(scene, module.path)))
                or (pages and scores)
                or (hooks and named)
                or served
            )
            or (
                named
                and (scores or _reaches_model(scene, module.path))
                and not {"<train>"} & names
                and module.path not in scene.training_files
            )
            or any(c.name.startswith(("bentoml.service", "bentoml.Service", "ray.serve.deployment")) for c in calls)
        ):
            found.append(module.path)
    return sorted(set(found)) or _in_other_languages(scene)


_ANSWERS = re.compile(r"(^|[./])(predict\w*|score|scoring|infer\w*|invocations|run|\w*handler|classify|recommend)/?$")


def _deaf(module: Module) -> bool:
    """Whether whatever should answer with a model gives everybody the same answer."""
    answering = [
        f
        for f in module.functions.values()
        if _ANSWERS.search(f.name)
        or any(d.method == "post" or any(_ANSWERS.search(t) for t in d.texts) for d in f.decorators)
    ]
    return bool(answering) and all(f.returns == {True} for f in answering)


def _unasked(scene: Scene, module: Module) -> bool:
    """Whether a file only loads models, under names that nothing mentions again."""
    loads = [c for c in module.calls() if _loads(c, module)]
    names = [n for n, maker in module.made.items() if n.isidentifier() and any(c.name == maker for c in loads)]
    if not names or len(names) < len(loads):
        return False
    text = re.sub(r"\bimport\b.*|#.*|(?<!f)\"[^\"\n]*\"|(?<!f)'[^'\n]*'", "", scene.tree.short(module.path))
    shared = {v.rpartition(".")[2] for m in scene.modules for v in m.imports.values()}
    return not any(n in shared or len(re.findall(rf"\b{n}\b", text)) > 1 for n in names)


_LOOKS_BACK = re.compile(
    r"eval|valid|test|train|fit|monitor|drift|metric|explain|shap|convert|export|regist|promot|util|upload|debug|data|feature|preproc|extract|bench"
)


def _by_script(scene: Scene, module: Module) -> bool:
    """A script that loads a model to answer with it, under whatever name; it is not there to look back at a model."""
    if module.path.endswith(".ipynb") or _LOOKS_BACK.search(module.path.rpartition("/")[2].lower()):
        return False
    loads = [f for f in module.functions.values() for c in f.calls if _loads(c, module)]
    runs = MAIN in module.functions or any(f.name == BODY for f in loads)
    answers = any(re.search(r"(^|\.)(predict|infer)(_|$)", name) for name in module.functions)
    return bool(loads) and runs and (answers or module.path not in scene.training_files)


def _loads(call: Call, module: Module) -> bool:
    return any(v == "load" for v, _ in vocabulary.verbs(call, module))


_ABOUT_ANSWERS = re.compile(r"infer|predict|scor(e|ing)|serv|recommend")


def answering(scene: Scene) -> set[str]:
    """Functions of the scoring files, and those behind them that load a model, ask it or stand in a file named for it."""
    found: set[str] = set()
    for path in scoring_files(scene):
        module = scene.code.module(path) if path.endswith((".py", ".ipynb")) else None
        for other, function in islice(scene.code.reach(path, tuple(module.functions)), 400) if module else ():
            does = {v for c in function.calls for v, _ in vocabulary.verbs(c, other)}
            named = _ABOUT_ANSWERS.search(other.path) and not _LOOKS_BACK.search(other.path.rpartition("/")[2])
            asks = other.path == path or {"load", "predict"} & does or named
            if function.name != BODY and asks and "train" not in does:
                found.add(f"{other.path}::{function.name}")
    return found


def asks_another(scene: Scene, path: str) -> bool:
    """Whether a file of tests imports applications, and none that answers with the model."""
    scoring, served = set(scoring_files(scene)), False
    folder = path.rpartition("/")[0]
    above = [path, *(f"{folder[:i]}/conftest.py" for i, c in enumerate(f"{folder}/") if c == "/"), "conftest.py"]
    waiting = [p for p in above if p in scene.tree]
    for place in waiting:  # grows while it is read
        if place in scoring or len(waiting) > _MOST_FILES:
            return False
        if module := scene.code.module(place):
            served = served or (not tested(place) and bool(_SERVERS & module.packages))
            waiting += [p for p in scene.code.beside(module) if p not in waiting]
    return served


def served_files(scene: Scene) -> list[str]:
    """Those of the scoring files that answer others while they wait."""
    return [
        p
        for p in scoring_files(scene)
        if (m := scene.code.module(p))
        and (
            _SERVERS & m.packages
            or {"init", "run"} <= set(m.functions)
            or "model_fn" in m.functions
            or "lambda_handler" in m.functions
        )
    ]


def _reaches_model(scene: Scene, path: str) -> bool:
    module = scene.code.module(path)
    names = tuple(module.functions) if module else ()
    for other, function in scene.code.reach(path, names):
        for call in function.calls:
            if any(v in ("load", "predict") for v, _ in vocabulary.verbs(call, other)):
                return True
    return False
