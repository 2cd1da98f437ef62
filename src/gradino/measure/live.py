"""Evidence from running systems, asked only when the caller names them. Read-only requests, short patience."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from gradino.measure.evidence import Evidence, Strength

_PATIENCE = 5.0  # seconds


def ask(
    tracking_uri: str = "", endpoint: str = "", prometheus: str = ""
) -> tuple[list[tuple[str, Evidence]], list[str]]:
    """Evidence by rung, and notes about what did not answer. Nothing is asked where no address is given."""
    found: list[tuple[str, Evidence]] = []
    notes: list[str] = []
    for address, reader in ((tracking_uri, _mlflow), (endpoint, _endpoint), (prometheus, _prometheus)):
        if address:
            try:
                found += reader(address.rstrip("/"))
            except (OSError, ValueError, urllib.error.URLError) as error:
                notes.append(f"{_shown(address)}: unavailable ({type(error).__name__})")
    return found, notes


def _shown(address: str) -> str:
    """An address without the secrets that it may carry."""
    parts = urllib.parse.urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _get(address: str, body: dict[str, Any] | None = None) -> Any:
    if not address.startswith(("http://", "https://")):
        raise ValueError("only http and https")
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 - checked above
        return answer.read(5_000_000)


def _mlflow(address: str) -> list[tuple[str, Evidence]]:
    api = f"{address}/api/2.0/mlflow"
    experiments = json.loads(_get(f"{api}/experiments/search", {"max_results": 100})).get("experiments", [])
    ids = [e["experiment_id"] for e in experiments]
    runs = json.loads(_get(f"{api}/runs/search", {"experiment_ids": ids, "max_results": 100})).get("runs", [])
    measured = [r for r in runs if r.get("data", {}).get("metrics")]
    models = json.loads(_get(f"{api}/registered-models/search?max_results=100")).get("registered_models", [])
    versions = [v for m in models for v in m.get("latest_versions", [])]
    where, found = _shown(address), list[tuple[str, Evidence]]()
    if measured:
        words = f"{len(measured)} runs with metrics in the tracker"
        for rung in ("creation.experiments@4", "operations.metrics@3"):
            found.append((rung, Evidence("MLflow", where, words, Strength.EXECUTED)))
    if versions:
        linked = {r["info"]["run_id"] for r in runs} & {v.get("run_id") for v in versions}
        strength = Strength.EFFECTIVE if linked else Strength.EXECUTED
        words = f"{len(versions)} registered versions, {len(linked)} lead to a run"
        found.append(("creation.versioning@4", Evidence("MLflow", where, words, strength)))
    return found


def _endpoint(address: str) -> list[tuple[str, Evidence]]:
    for path in ("/ping", "/health", "/v2/health/ready", "/healthz", ""):
        try:
            _get(address + path)
        except urllib.error.HTTPError:
            continue
        return [
            (
                "release.scoring-script@1",
                Evidence("endpoint", _shown(address) + path, "the service answers", Strength.EXECUTED),
            )
        ]
    return []


_MODEL = r".*(predict|inference|model|drift|score|scoring).*"


def _prometheus(address: str) -> list[tuple[str, Evidence]]:
    """What is scraped and watched; series about a model that move, and alerts that fired, show that it works."""

    def query(expression: str) -> float:
        """The value of an expression now; 0 where no series matches."""
        asked = urllib.parse.quote(expression)
        series = json.loads(_get(f"{address}/api/v1/query?query={asked}"))["data"]["result"]
        return float(series[0]["value"][1]) if series else 0.0

    targets = json.loads(_get(f"{address}/api/v1/targets"))["data"]["activeTargets"]
    up = [t for t in targets if t.get("health") == "up" and t.get("labels", {}).get("job") != "prometheus"]
    rules = json.loads(_get(f"{address}/api/v1/rules"))["data"]["groups"]
    alerts = [r for g in rules for r in g.get("rules", []) if r.get("type") == "alerting"]
    where, found = _shown(address), list[tuple[str, Evidence]]()
    if up:
        moving = query(f'count(changes({{__name__=~"{_MODEL}"}}[1d]) > 0)')
        words = f"{len(up)} services are scraped; {moving:.0f} series about a model changed within a day"
        seen = Evidence("Prometheus", where, words, Strength.EFFECTIVE if moving else Strength.EXECUTED)
        found += [("operations.metrics@4", seen), ("operations.feedback@3", seen)]
    if alerts:
        fired = query("count(count_over_time(ALERTS[30d]))")
        words = f"{len(alerts)} alert rules are loaded; {fired:.0f} alerts were raised within thirty days"
        strength = Strength.EFFECTIVE if fired else Strength.EXECUTED
        found.append(("operations.feedback@4", Evidence("Prometheus", where, words, strength)))
    return found
