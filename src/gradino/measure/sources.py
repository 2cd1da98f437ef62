"""Where a Python call gets its data: from what brings new rows, or from what never changes."""

import re

from gradino.measure.python import Call, Module

_LIVE_PACKAGES = re.compile(
    r"^(yfinance|tweepy|praw|ccxt|newsapi|feedparser|fredapi|openmeteo_requests|pandas_datareader|meteostat|nba_api|"
    r"fastf1|pybaseball|binance|alpaca\w*|finnhub|polygon|entsoe|pytrends|alpha_vantage|eiapy|googleapiclient|spotipy|"
    r"scrapy|selenium|playwright|snscrape|investpy|quandl|nasdaqdatalink|tiingo|pycoingecko|cryptocompare|pyowm|cdsapi|"
    r"herbie|soccerdata|statsbombpy|sodapy|wbdata|wbgapi|dlt|ee|riotwatcher|statsapi|ib_insync|tvDatafeed|yahooquery|ftplib|"
    r"pysftp|paho|websockets?)\b"
)
_TABLES = re.compile(
    r"(\bread_sql(_query|_table)?|\bread_gbq|\bquery_to_dataframe|bigquery\.\S*query|"
    r"\.fetch_pandas_all|\bget_historical_features|feature_view\S*\.(get_batch_data|training_data|train_test_split|"
    r"get_training_data|create_train\w+)|unload_athena|athena\.read_sql_\w+|"
    r"Hook(\(\))?\.(get_pandas_df|get_df|get_records)|\w+To(S3|GCS|BigQuery|Redshift|Snowflake|Postgres)Operator)$"
)
# Formats by which Spark reads what others keep.
_REMOTE = frozenset({"jdbc", "kafka", "bigquery", "snowflake", "cloudFiles", "eventhubs", "kinesis"})
CONSUMERS = re.compile(
    r"(KafkaConsumer|kafka\.Consumer|SubscriberClient|readStream|AIOKafkaConsumer|EventHubConsumerClient)$"
)
_NOT_SOURCES = re.compile(
    r"localhost|127\.0\.0\.1|0\.0\.0\.0|/predict|/health|/invocations|/score|/ping|slack|telegram|api\.github|hooks\.|"
    r"webhook|/metrics|discord|pushgateway|airflow|mlflow|/infer",
    re.I,
)
_FROZEN = re.compile(
    r"archive\.ics\.uci|raw\.githubusercontent|github\.com/\S+/(raw|blob|releases|archive)|kaggle|drive\.google|dropbox|"
    r"zenodo|figshare|storage\.googleapis\.com/\S+\.(csv|zip|gz)|huggingface\.co|openml|dataverse|s3\.amazonaws\.com",
    re.I,
)
_FILE = re.compile(
    r"\.(csv|zip|gz|tgz|tar|parquet|json|jsonl|xlsx?|txt|data|names|npz|h5|feather|tsv|pkl|arff|bz2)(\?\S*)?$", re.I
)
_FIXED = (
    "sklearn.datasets.load_",
    "sklearn.datasets.fetch_",
    "torchvision.datasets",
    "keras.datasets",
    "tensorflow.keras.datasets",
    "torchtext.datasets",
    "torchaudio.datasets",
    "torch_geometric.datasets",
    "statsmodels.datasets",
    "openml.datasets",
    "vega_datasets",
    "shap.datasets",
    "medmnist",
    "pmlb",
)
_READS = re.compile(r"(requests|httpx|urllib\.request|urllib3|aiohttp|wget|requests_cache)\b")
# Asking a platform over HTTP to deploy, or a running service to take the newest model.
_DEPLOYS = re.compile(r"/serving-endpoints(/[^/]*/config)?/?$|api\.render\.com/\S*deploy|/services/\S+/deploys$")
_RELOADS = re.compile(
    r"^(?!\w+://(?:localhost|127\.0\.0\.1)\b).*/(-/)?(models?/)?(reload|refresh|hot_?swap|update|switch|activate)[-_/]?(the[-_])?(models?)?/?$"
)


def verbs(call: Call, module: Module) -> list[tuple[str, str]]:
    """Whether a call brings new data, or data that never changes: pairs of verb and words."""
    name, method = call.name, call.method
    live = _LIVE_PACKAGES.match(name)
    if (live and live[0] in module.packages) or CONSUMERS.search(name):
        return [("collect", name)]
    if name.startswith(_FIXED) or any("/databricks-datasets/" in t for t in call.texts):
        return [("fixed", name)]
    if _TABLES.search(name) or (call.maker and _TABLES.search(f"{call.maker}.{method}")):
        local = any(t.startswith(("sqlite:", "duckdb:")) for t in call.texts)
        local = local or any(module.made.get(r, "").startswith(("sqlite3.", "duckdb.")) for r in call.refs)
        return [] if local else [("collect", name)]
    if (method == "format" and not _REMOTE.isdisjoint(call.texts)) or name.endswith(".read.jdbc"):
        return [("collect", name)]
    if method in ("HttpOperator", "SimpleHttpOperator"):
        return [] if _NOT_SOURCES.search(" ".join(call.texts)) or "POST" in call.texts else [("collect", name)]
    if method == "put" and _READS.match(call.maker or name):
        return [("deploy", name)] if any(_DEPLOYS.search(t) for t in call.texts) else []
    if method in ("get", "request", "urlopen", "urlretrieve", "download", "post") and _READS.match(call.maker or name):
        if method in ("get", "post") and any("://" in t and _RELOADS.search(t) for t in call.texts):
            return [("deploy", name)]
        if method == "post" and any(_DEPLOYS.search(t) for t in call.texts):
            return [("deploy", name)]
        return _url(call, name, posted=method == "post" or (method == "urlopen" and _carries(call, module)))
    table = name.startswith(("pandas.read_", "polars.read_", "polars.scan_"))
    if table and any(t.startswith(("http://", "https://", "ftp://")) for t in call.texts):
        return _url(call, name, posted=False)
    return []


def _carries(call: Call, module: Module) -> bool:
    """Whether what is opened is a request, made on a line before, that carries data."""
    made = [c for c in module.calls() if c.name.endswith("Request") and c.line <= call.line] if call.refs else []
    asked = max(made, key=lambda c: c.line, default=call)
    return bool({"data", "json"} & {*call.keywords, *asked.keywords}) or "POST" in (
        *asked.texts,
        asked.keywords.get("method"),
    )


def _url(call: Call, name: str, posted: bool) -> list[tuple[str, str]]:
    url = next((t for t in call.texts if "://" in t or t.startswith(("{}", "/"))), "")
    if (posted and "graphql" not in url) or _NOT_SOURCES.search(url) or any(_NOT_SOURCES.search(r) for r in call.refs):
        return []
    if not url:
        return [("maybe-collect", name)]
    moving = "params" in call.keywords or bool(re.search(r"\{\}|%s", url.partition("://")[2]))
    if not moving and (_FILE.search(url) or _FROZEN.search(url)):
        return [("fixed", name)]
    if _FROZEN.search(url) and not re.search(r"\{\}", url):
        return [("fixed", name)]
    return [("collect", name)]


def frozen(url: str) -> bool:
    """Whether an address is one of data that does not change, or of a page about it; one with a hole in it moves."""
    if re.search(r"\{\w*\}|%s", url):
        return False
    return bool(_FILE.search(url) or _FROZEN.search(url) or re.search(r"/(docs?|wiki|tree|blob|LICENSE)", url))
