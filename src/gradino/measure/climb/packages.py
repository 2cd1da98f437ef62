"""Packages that code imports and that nothing would install."""

import re
import sys

from gradino.measure.climb.environment import Environment
from gradino.measure.climb.ground import Ground
from gradino.measure.climb.machine import Reached

# Names under which packages are installed, where they differ from those that are imported.
_INSTALLED_AS: dict[str, str] = {
    "PIL": "pillow", "attr": "attrs", "bs4": "beautifulsoup4", "cv2": "opencv", "dateutil": "python.dateutil",
    "dotenv": "python.dotenv", "fitz": "pymupdf", "git": "gitpython", "google": "google", "jose": "python.jose",
    "imblearn": "imbalanced.learn|imblearn", "jwt": "pyjwt", "kafka": "kafka.python", "zmq": "pyzmq",
    "multipart": "python.multipart", "mpl_toolkits": "matplotlib", "MySQLdb": "mysqlclient", "OpenSSL": "pyopenssl",
    "psycopg2": "psycopg2", "pkg_resources": "setuptools", "sentence_transformers": "sentence.transformers",
    "serial": "pyserial", "skimage": "scikit.image", "sklearn": "scikit.learn|sklearn", "skopt": "scikit.optimize",
    "yaml": "pyyaml|yaml", "umap": "umap.learn", "azure": "azure", "dvc": "dvc", "kfp": "kfp",
}  # fmt: skip
# What so many others bring along that a list of direct requirements need not name it.
_BROUGHT = frozenset(
    {"PIL", "_pytest", "aiohttp", "anyio", "attr", "azure", "botocore", "certifi", "click", "cloudpickle", "cycler",
     "dateutil", "dotenv", "filelock", "flask", "fsspec", "google", "httpx", "hydra", "jinja2", "joblib", "jsonschema",
     "keras", "lightgbm", "markupsafe", "matplotlib", "mpl_toolkits", "narwhals", "numpy", "omegaconf", "packaging",
     "pandas", "pkg_resources", "pluggy", "protobuf", "psutil", "pyarrow", "pydantic", "pydantic_core",
     "pydantic_settings", "pytest", "pytz", "regex", "requests", "rich", "s3fs", "scipy", "setuptools", "six",
     "sklearn", "sqlalchemy", "starlette", "tenacity", "tensorflow", "threadpoolctl", "toml", "tomli", "torch", "tqdm",
     "typing_extensions", "urllib3", "uvicorn", "werkzeug", "xgboost", "yaml"}
)  # fmt: skip
_LOCKED = ("uv", "poetry", "pipenv")
_IMPORT = re.compile(r"^(?:import|from)[ \t]+(\w[\w.]*)", re.M)


def unlisted(ground: Ground, home: Environment, runs: Reached) -> str:
    """A package that one of the files imports as it loads and that the environment does not hold, if any."""
    listed = "\n".join(ground.files.text(p) or "" for p in home.files)
    if re.search(r"^-[rc] ", listed, re.M):
        listed += "\n".join(ground.files.text(p) or "" for p in ground.files.named("*requirements*.txt", "*.in"))
    listed += "\n".join(home.install)
    folders = {part for p in ground.scene.code.paths for part in p.split("/")[:-1]}
    for path in dict.fromkeys(m.path for m, _ in runs):
        for dotted in _IMPORT.findall(ground.files.short(path)):
            name = dotted.partition(".")[0]
            if name in folders and not _there(ground, dotted):
                return str(dotted)
            own = name in sys.stdlib_module_names or name in folders or ground.scene.code.find(name, path)[0]
            brought = name in _BROUGHT and home.tool not in _LOCKED
            called = re.sub(r"[_.]", "[-_.]", _INSTALLED_AS.get(name, name))
            if not (own or brought) and not re.search(rf"(?<![\w.-])({called})", listed, re.I):
                return str(name)
    return ""


def _there(ground: Ground, dotted: str) -> bool:
    """Whether a module or package of the project's own is at the commit."""
    place = dotted.replace(".", "/")
    return any(f"/{p}".endswith(f"/{place}.py") or f"/{place}/" in f"/{p}" for p in ground.scene.code.paths)
