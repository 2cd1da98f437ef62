"""The error bound of a release: simulated campaigns, looked at after every label.

    python benchmarks/inference_campaigns.py [--campaigns 2000] [--horizon 15000] [--json] [--plot FILE.svg]

A challenger and its champion differ on 10 % of rows (0/1 loss); the challenger is better by `points` of accuracy. Or
the losses are of a regression, 24 rows a day, and whole days go well or badly for the challenger: `day` is the standard
deviation of the days' means and 9 points that of the rows around them, as on the hourly bike rides. Each campaign runs
until a verdict or the horizon (of 150 days, where there are days). Promoted counts the verdict "pass". Beside
`gradino.inference.eprocess`, which knows the days: the same, given up as a release does once 1,000 labels would not
bring a proof at the pace so far; the same without days; the means of whole days as its rows; a z-test looked at after
every label from the 30th, and mSPRT (Johari et al., Operations Research 70, 2022), its mixture tuned to 1.6 points;
each with 5 % on the side of promotion.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from gradino.inference import eprocess
from gradino.inference.eprocess import Paired

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA, DIFFER, TUNED = 0.05, 0.10, 0.016
CAMPAIGNS = {  # name: mean advantage in points, swing between day and night in points, worse_by
    "worse by 0.8": (-0.8, 0.0, 0.0),
    "equal": (0.0, 0.0, 0.0),
    "equal, ±3 day and night": (0.0, 3.0, 0.0),
    "worse by 0.5, 0.5 allowed": (-0.5, 0.0, 0.005),
    "equal, 0.5 allowed": (0.0, 0.0, 0.005),
    "better by 0.8": (0.8, 0.0, 0.0),
    "better by 1.6": (1.6, 0.0, 0.0),
    "better by 3.2": (3.2, 0.0, 0.0),
}
DAYS = {  # name: mean advantage in points, standard deviation of the mean of a day in points
    "days ±3: worse by 1": (-1.0, 3.0),
    "days ±3: equal": (0.0, 3.0),
    "days ±6: equal": (0.0, 6.0),
    "no days: equal": (0.0, 0.0),
    "days ±3: better by 1.6": (1.6, 3.0),
    "days ±3: better by 3.2": (3.2, 3.0),
    "days ±3: better by 6.4": (6.4, 3.0),
}
HOURS, SEASON, NOISE, LIMIT = 24, 150, 9.0, 1000
NAMES = [str(row // HOURS) for row in range(SEASON * HOURS)]


def differences(rng: np.random.Generator, rows: int, points: float, swing: float) -> np.ndarray:
    """loss(champion) − loss(challenger) of `rows` rows, 24 an artificial day, half of it night."""
    advantage = (points + swing * np.where(np.arange(rows) % 24 < 12, 1, -1)) / 100
    u = rng.random(rows)
    return (u < (DIFFER + advantage) / 2) - ((u >= (DIFFER + advantage) / 2) & (u < DIFFER)).astype(float)


def sequential(d: np.ndarray, worse_by: float) -> float:
    state = Paired(ALPHA, worse_by).update(d)
    return state.n if state.verdict == "pass" else math.inf


def peeked_z(d: np.ndarray, worse_by: float) -> float:
    n, mean, variance = running(d + worse_by)
    return first((mean > NormalDist().inv_cdf(1 - ALPHA) * np.sqrt(variance / n)) & (n >= 30))


def msprt(d: np.ndarray, worse_by: float) -> float:
    n, mean, variance = running(d + worse_by)
    spread = variance + n * TUNED**2
    log = 0.5 * np.log(variance / spread) + (n * mean * TUNED) ** 2 / (2 * variance * spread)
    return first((log >= -math.log(2 * ALPHA)) & (mean > 0) & (n >= 30))


def running(d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = np.arange(1, len(d) + 1)
    mean = np.cumsum(d) / n
    return n, mean, np.maximum(np.cumsum(d * d) / n - mean**2, 1e-4)


def first(reached: np.ndarray) -> float:
    return int(np.argmax(reached)) + 1 if reached.any() else math.inf


def with_days(d: np.ndarray) -> float:
    state = Paired(ALPHA).update(d, NAMES)
    return state.n if state.verdict == "pass" else math.inf


def given_up(d: np.ndarray) -> float:
    state = Paired(ALPHA)
    for start in range(0, LIMIT, HOURS):
        state = state.update(d[start : start + HOURS], NAMES[start : start + HOURS])
        if state.verdict == "pass":
            return state.n
        if len(state.days) >= eprocess.DAYS and state.foreseen(LIMIT) < 1 / ALPHA:
            break
    return math.inf


def by_day(d: np.ndarray) -> float:
    return HOURS * sequential(d.reshape(-1, HOURS).mean(axis=1), 0.0)


def every_row(method: Callable[[np.ndarray, float], float], d: np.ndarray) -> float:
    return method(d, 0.0)


METHODS = {"gradino": sequential, "peeked z-test": peeked_z, "mSPRT": msprt}


DAILY = {
    "gradino, days": with_days,
    "given up early": given_up,
    "every row news": partial(every_row, sequential),
    "means of days": by_day,
    "peeked z-test": partial(every_row, peeked_z),
    "mSPRT": partial(every_row, msprt),
}


def daily(scenario: str, campaigns: int, seed: int) -> dict[str, np.ndarray]:
    """The same where whole days go well or badly."""
    points, spread = DAYS[scenario]
    rng, size = np.random.default_rng(seed), (SEASON, HOURS)
    shape = (size[0], 1)
    runs = (
        np.clip((points + rng.normal(0, spread, shape) + rng.normal(0, NOISE, size)) / 100, -1, 1).ravel()
        for _ in range(campaigns)
    )
    labels = np.array([[method(d) for method in DAILY.values()] for d in runs])
    return dict(zip(DAILY, labels.T, strict=True))


def simulate(scenario: str, campaigns: int, horizon: int, seed: int) -> dict[str, np.ndarray]:
    """By method, the labels until promotion of each campaign; inf where there was none."""
    points, swing, worse_by = CAMPAIGNS[scenario]
    rng = np.random.default_rng(seed)
    runs = (differences(rng, horizon, points, swing) for _ in range(campaigns))
    labels = np.array([[method(d, worse_by) for method in METHODS.values()] for d in runs])
    return dict(zip(METHODS, labels.T, strict=True))


def summary(labels: dict[str, dict[str, np.ndarray]]) -> list[dict[str, object]]:
    rows = []
    for scenario, by_method in labels.items():
        for method, values in by_method.items():
            middle = float(np.quantile(values, 0.5, method="lower"))
            rows.append(
                {
                    "scenario": scenario,
                    "method": method,
                    "promoted": float(np.isfinite(values).mean()),
                    "error": float(np.sqrt(max(np.isfinite(values).mean() * np.isinf(values).mean(), 0) / len(values))),
                    "median_labels": middle if math.isfinite(middle) else None,
                }
            )
    return rows


def plot(labels: dict[str, dict[str, np.ndarray]], horizon: int, path: Path) -> None:
    import altair as alt

    at = np.linspace(0, horizon, 101)
    points = [
        {"scenario": scenario, "method": method, "labels": n, "promoted": float((values <= n).mean())}
        for scenario, by_method in labels.items()
        for method, values in by_method.items()
        for n in at
    ]
    chart = (
        alt.Chart(alt.Data(values=points))
        .mark_line()
        .encode(x=alt.X("labels:Q"), y=alt.Y("promoted:Q", axis=alt.Axis(format="%")), color="method:N")
    )
    facets = chart.properties(width=220, height=120).facet(facet=alt.Facet("scenario:N", sort=list(labels)), columns=4)
    facets.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--campaigns", type=int, default=2000)
    parser.add_argument("--horizon", type=int, default=15_000)
    parser.add_argument("--seed", type=int, default=20240229)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    started = time.perf_counter()
    run = partial(simulate, campaigns=options.campaigns, horizon=options.horizon, seed=options.seed)
    with ProcessPoolExecutor() as pool:
        labels = dict(zip(CAMPAIGNS, pool.map(run, CAMPAIGNS), strict=True))
        over_days = partial(daily, campaigns=options.campaigns, seed=options.seed)
        labels |= dict(zip(DAYS, pool.map(over_days, DAYS), strict=True))
    rows, seconds = summary(labels), round(time.perf_counter() - started, 1)
    if options.plot:
        plot(labels, options.horizon, options.plot)
    if options.json:
        print(
            json.dumps({"campaigns": options.campaigns, "horizon": options.horizon, "seconds": seconds, "rows": rows})
        )
        return
    print(f"{options.campaigns} campaigns each, {options.horizon} labels at most, alpha {ALPHA}; {seconds} s")
    print(f"{'challenger':28}{'method':24}{'promoted':>10}{'±':>8}{'median labels':>15}")
    for row in rows:
        middle = "–" if row["median_labels"] is None else f"{row['median_labels']:,.0f}"
        print(f"{row['scenario']:28}{row['method']:24}{row['promoted']:10.1%}{row['error']:8.1%}{middle:>15}")


if __name__ == "__main__":
    main()
