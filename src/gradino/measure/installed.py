"""Which well-known packages an explicit list of installs provides: exact where every name on it is known, else nothing.

A list that names anything unknown, a folder, an address or a variable may bring whatever it likes.
"""
# ruff: noqa: E501 - a table reads better unwrapped

import re
import shlex
from collections.abc import Callable

from gradino.measure.shell import bare

# Distribution → the known ones that any version of it, or any extra, may bring along. More is safe, less is not.
_BRINGS: dict[str, str] = {
    "numpy": "", "six": "", "pytz": "", "joblib": "cloudpickle", "threadpoolctl": "", "click": "", "pyyaml": "", "python-dotenv": "",
    "python-multipart": "", "email-validator": "idna", "python-dateutil": "six", "requests": "urllib3 certifi idna", "tqdm": "", "tabulate": "",
    "psycopg2": "", "psycopg2-binary": "", "asyncpg": "", "pymongo": "", "redis": "", "toml": "", "loguru": "", "pillow": "numpy",
    "typing-extensions": "", "certifi": "", "urllib3": "", "idna": "", "h11": "", "anyio": "idna sniffio typing-extensions", "sniffio": "", "wheel": "", "setuptools": "",
    "pip": "", "cloudpickle": "", "gunicorn": "", "waitress": "", "itsdangerous": "", "markupsafe": "", "jinja2": "markupsafe",
    "werkzeug": "markupsafe", "flask": "werkzeug jinja2 itsdangerous click markupsafe python-dotenv", "flask-cors": "flask six",
    "pydantic": "typing-extensions email-validator", "pydantic-settings": "pydantic python-dotenv pyyaml", "starlette": "anyio typing-extensions httpx jinja2 python-multipart pyyaml itsdangerous requests",
    "uvicorn": "click h11 python-dotenv pyyaml typing-extensions", "httpx": "anyio certifi idna sniffio h11 click",
    "fastapi": "starlette pydantic pydantic-settings uvicorn httpx jinja2 python-multipart email-validator pyyaml requests itsdangerous",
    "prometheus-client": "", "prometheus-fastapi-instrumentator": "fastapi prometheus-client",
    "sqlalchemy": "typing-extensions", "alembic": "sqlalchemy markupsafe python-dateutil", "boto3": "six urllib3 python-dateutil",
    "scipy": "numpy", "pandas": "numpy python-dateutil pytz six", "scikit-learn": "numpy scipy joblib threadpoolctl",
    "imbalanced-learn": "scikit-learn", "matplotlib": "numpy pillow python-dateutil six pytz", "seaborn": "matplotlib pandas scipy",
    "plotly": "six requests numpy", "pyarrow": "numpy", "lightgbm": "scikit-learn pandas", "xgboost": "numpy scipy pandas scikit-learn",
    "catboost": "pandas scipy matplotlib plotly", "optuna": "sqlalchemy alembic pyyaml tqdm scipy joblib", "shap": "scikit-learn pandas tqdm cloudpickle matplotlib",
    "mlflow": "scikit-learn pandas matplotlib flask flask-cors sqlalchemy alembic requests pyyaml pyarrow gunicorn waitress click cloudpickle fastapi uvicorn pydantic jinja2 python-dotenv boto3 prometheus-client tqdm tabulate",
    "streamlit": "jinja2 pandas pyarrow requests pillow click toml boto3 tqdm uvicorn starlette python-multipart itsdangerous typing-extensions",
    "ruff": "", "black": "click typing-extensions", "flake8": "", "isort": "", "mypy": "typing-extensions", "pylint": "toml",
    "coverage": "toml", "pytest": "toml six", "pytest-cov": "pytest coverage", "pytest-asyncio": "pytest", "pytest-mock": "pytest",
    "pytest-xdist": "pytest six", "pre-commit": "pyyaml toml",
}  # fmt: skip
_IMPORTED = {
    "sklearn": ("scikit-learn",), "imblearn": ("imbalanced-learn",), "PIL": ("pillow",), "yaml": ("pyyaml",),
    "dotenv": ("python-dotenv",), "dateutil": ("python-dateutil",), "psycopg2": ("psycopg2", "psycopg2-binary"),
}  # fmt: skip
_NAME = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(\[[^\]]*\])?\s*(?:[=<>~!;#].*)?")
_EXTRAS = frozenset(
    {"uvicorn", "fastapi", "pydantic", "httpx", "coverage"}
)  # whose extras bring no more than is said above
_PIP = re.compile(r"(?:\S*python[\d.]*\s+-m\s+)?(?:pip[\d.]*|uv\s+pip)\s+install\b")
_OTHERS = re.compile(
    r"(?:^|[\s/])(conda|mamba|micromamba|poetry|uv|pdm|pipenv|pixi|rye|hatch|pipx|make|just|tox|nox|bash|sh|source|\.)\s|\s\./"
    r"|setup\.py|python3?-(?!pip\b|dev\b|venv\b|distutils\b|setuptools\b|wheel\b)[a-z]|^(?!\s*apt).*install|\bsync\b"
)
_VALUED = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host", "--timeout", "--default-timeout", "--retries")  # fmt: skip
_DEEPEST = 4  # lists of requirements that name others


class Installed:
    """Distributions that commands install; `known` is False from the first that may bring anything."""

    def __init__(self, read: Callable[[str], str | None]) -> None:
        self._read = read
        self._names = {"pip", "setuptools", "wheel"}
        self.known = True

    def run(self, command: str) -> None:
        """Take in what one command installs. A command of another kind changes nothing."""
        command = bare(command)
        if not (found := _PIP.match(command)):
            self.known = self.known and not _OTHERS.search(f" {command} ")
            return
        try:
            words = iter(shlex.split(command[found.end() :]))
        except ValueError:
            self.known = False
            return
        for word in words:
            if word in ("-r", "--requirement"):
                self._list(next(words, ""), 0)
            elif word.startswith("-r") and len(word) > 2:
                self._list(word.removeprefix("-r").removeprefix("--requirement="), 0)
            elif word in _VALUED:
                next(words, "")
            elif word in ("-e", "--editable", "-c", "--constraint", "-t", "--target"):
                self.known = False
            elif not word.startswith("-"):
                self._add(word)

    def _list(self, path: str, depth: int) -> None:
        text = self._read(path) if depth < _DEEPEST else None
        if text is None:
            self.known = False
            return
        for line in re.sub(r"\\\n", " ", text).splitlines():
            said = re.sub(r"(^|\s)#.*|\s--hash\S+", "", line).strip()
            if inner := re.match(r"(?:-r|--requirement)[ =]?(\S+)", said):
                self._list(f"{path.rpartition('/')[0]}/{inner[1]}".lstrip("/"), depth + 1)
            elif said and not said.startswith(("--index-url", "--extra-index-url", "-i ", "--find-links", "--trusted")):
                self._add(said)

    def _add(self, said: str) -> None:
        name = _NAME.fullmatch(said)
        named = distribution(name[1]) if name else ""
        if name is None or named not in _BRINGS or (name[2] and named not in _EXTRAS):
            self.known = False
        elif named not in self._names:
            self._names.add(named)
            for other in _BRINGS[named].split():
                self._add(other)

    def lacks(self, package: str) -> bool:
        """Whether a package that is imported, or a program of its name, is certainly not there."""
        wanted = _IMPORTED.get(package, (distribution(package),))
        return self.known and any(d in _BRINGS for d in wanted) and self._names.isdisjoint(wanted)

    def may_bring(self, name: str) -> bool:
        """Whether a module of this name may come from what is installed."""
        return not self.known or name in _BRINGS


def distribution(name: str) -> str:
    """The name of a distribution as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
