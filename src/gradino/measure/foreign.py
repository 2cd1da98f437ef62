"""Scripts that are not Python: what R, Julia, Scala, Java and JavaScript train with and fetch, read as text."""

import re
from collections.abc import Iterator

_R_TRAINS = (
    r"\b(?:caret::)?train\(|\bfit_(?:xy|resamples|workflow)\(|\bfit\(|\b(?:ranger|randomForest|glmnet|cv\.glmnet|lightgbm|"
    r"xgboost|xgb\.train|lgb\.train|h2o\.\w+|prophet|gbm|brm|stan_glm|lm|glm|gam|lmer|auto\.arima)\("
)
_R_FETCHES = (
    r"\b(?:GET|req_perform|dbGetQuery|bq_table_download|getSymbols|tq_get)\(|"
    r"\b(?:read_csv|fread|fromJSON|download\.file)\(\s*(?:paste0?\(|glue|[\"']https?://(?!raw\.githubusercontent|archive\.ics))"
)
# How a file's name ends → what trains, what fetches from an address or a table of others.
_VERBS = {
    ".r": (_R_TRAINS, _R_FETCHES),
    ".jl": (r"\bfit!?\(|\bFlux\.train!\(|\bxgboost\(|\bgradient\(", r"\bHTTP\.get\(|\bDownloads\.download\("),
    ".scala": (r"\.fit\(|\brandomForest\(|\bXGBoost\w*\.train\(", r"\.format\(\"(?:jdbc|kafka)\"\)|\.readStream\b"),
    ".java": (r"\.fit\(|\.buildClassifier\(|\.train\(", r"HttpClient\.\w+|KafkaConsumer"),
    ".js": (r"\.fit\(|\.trainOnBatch\(", r"\bfetch\(\s*[`\"']https?://(?!raw\.githubusercontent)|\baxios\.get\("),
}
_SAME = {".rmd": ".r", ".qmd": ".r", ".mjs": ".js", ".ts": ".js", ".cjs": ".js"}
_LINE = r"^(?![ \t]*(?:#|//)).{{0,300}}?({})"
_COMPILED = {
    end: (("train", re.compile(_LINE.format(trains), re.M)), ("collect", re.compile(_LINE.format(fetches), re.M)))
    for end, (trains, fetches) in _VERBS.items()
}


def known(path: str) -> bool:
    """Whether a file is a script in one of these languages."""
    end = path[path.rfind(".") :].lower()
    return _SAME.get(end, end) in _COMPILED


def verbs(path: str, text: str) -> Iterator[tuple[str, int, str]]:
    """What a script does: verb, line and the words that say so, each verb once."""
    end = path[path.rfind(".") :].lower()
    for verb, pattern in _COMPILED[_SAME.get(end, end)]:
        if found := pattern.search(text):
            yield verb, text[: found.start(1)].count("\n") + 1, found[1].rstrip("( \"'")
