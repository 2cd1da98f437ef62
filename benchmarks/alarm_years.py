"""The harm alarm as production runs it, day by day: false alarms in stationary years, and days until harm is found.

    python benchmarks/alarm_years.py [--years 200] [--rides ../shared/data/bike-sharing-hour.csv] [--json]

A model is asked every hour; its losses lie in [0, 1]. Each year is drawn anew, with a holdout of four weeks before it.

hours    losses are independent; bad at rush hours, worse on weekends
storms   the same, and each day has a mood that lasts: an AR(1) over days with coefficient 0.6
rides    whole weeks of a real model's losses, drawn with replacement (block bootstrap): scikit-learn's gradient
         boosting, fitted to the first year of bike rides, on the hours of the second

Then every loss rises by five points. gradino keeps its threshold of 365 days. Beside it river's Page–Hinkley and ADWIN
on the daily means of the loss, which have no seasons left within a day: started on the holdout, each at the level that
gives, in that very world, as many false alarms as gradino has (ADWIN's alarm is a change to a higher mean).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from river import drift

from gradino.inference import alarm

WEEK, HOLDOUT, YEAR, QUIET, AFTER, RISE = 168, 4, 52, 8, 52, 0.05
World = Callable[[np.random.Generator, int], np.ndarray]  # weeks → losses by hour
Alarms = Callable[[np.ndarray, np.ndarray], list[int]]  # holdout, stream → days of alarms


def hours(rng: np.random.Generator, weeks: int, mood: float = 0.0) -> np.ndarray:
    hour, day = np.arange(WEEK) % 24, np.arange(WEEK) // 24
    level = np.where(np.isin(hour, (7, 8, 17, 18)), 0.35, 0.15) + np.where(day >= 5, 0.1, 0.0)
    moods, state = np.zeros(weeks * 7), 0.0
    for i, shock in enumerate(rng.normal(0, mood * np.sqrt(1 - 0.6**2), weeks * 7)):
        moods[i] = state = 0.6 * state + shock
    return np.clip(np.tile(level, weeks) + np.repeat(moods, 24) + rng.normal(0, 0.12, weeks * WEEK), 0, 1)


def storms(rng: np.random.Generator, weeks: int) -> np.ndarray:
    return hours(rng, weeks, mood=0.04)


def rides(path: Path) -> World:
    """Weeks of the losses of a model that was fitted to the first year, on the second."""
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingRegressor

    frame = pd.read_csv(path, parse_dates=["dteday"])
    moments = frame["dteday"] + pd.to_timedelta(frame["hr"], unit="h")
    names = ["season", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "atemp", "hum", "windspeed"]
    first = frame["yr"] == 0
    model = HistGradientBoostingRegressor(random_state=0).fit(frame.loc[first, names], frame.loc[first, "cnt"])
    error = np.abs(model.predict(frame.loc[~first, names]) - frame.loc[~first, "cnt"])
    error = pd.Series((error / error.quantile(0.95)).clip(0, 1).to_numpy(), index=moments[~first])
    monday = error.index[0] + pd.Timedelta(days=(7 - error.index[0].weekday()) % 7)
    grid = pd.date_range(monday.normalize(), error.index[-1], freq="h")
    whole = error.reindex(grid).ffill().to_numpy()
    blocks = whole[: len(whole) // WEEK * WEEK].reshape(-1, WEEK)
    return lambda rng, weeks: blocks[rng.integers(0, len(blocks), weeks)].ravel()


def harm(holdout: np.ndarray, stream: np.ndarray) -> list[int]:
    hour = np.arange(len(holdout))
    fresh = alarm.daily(holdout, hour % WEEK, WEEK, hour // 24, threshold=365)
    means = stream.reshape(-1, 24).mean(axis=1)
    weights = np.zeros((len(means), WEEK))
    for day in range(len(means)):
        weights[day, 24 * (day % 7) : 24 * (day % 7) + 24] = 1
    found, at = [], 0
    while at < len(means):
        state = fresh.update(means[at:], weights[at:])
        at += state.n
        if state.alarmed:
            found.append(at - 1)
    return found


def page_hinkley(level: float, holdout: np.ndarray, stream: np.ndarray) -> list[int]:
    return _river(
        lambda: drift.PageHinkley(min_instances=1, delta=0.005, threshold=level, alpha=1.0, mode="up"), holdout, stream
    )


def adwin(level: float, holdout: np.ndarray, stream: np.ndarray) -> list[int]:
    return _river(lambda: drift.ADWIN(delta=1 / level, clock=1, grace_period=5), holdout, stream)


def _river(make: Callable[[], object], holdout: np.ndarray, stream: np.ndarray) -> list[int]:
    """The days on which a detector of river, started on the holdout, says that the mean rose."""
    before, found = holdout.reshape(-1, 24).mean(axis=1), []
    detector = _started(make, before)
    recent: list[float] = []
    for day, mean in enumerate(stream.reshape(-1, 24).mean(axis=1)):
        detector.update(mean)
        recent.append(mean)
        if detector.drift_detected:
            if np.mean(recent[-7:]) > before.mean():
                found.append(day)
                detector = _started(make, before)
            recent = []
    return found


def _started(make: Callable[[], object], before: np.ndarray) -> object:
    detector = make()
    for mean in before:
        detector.update(mean)
    return detector


def calibrated(method: Callable[..., list[int]], worlds: list, rate: float, low: float, high: float) -> Alarms:
    """The method at the lowest level with at most `rate` false alarms a year."""
    for _ in range(9):
        level = float(np.sqrt(low * high))
        quiet = sum(len(method(level, *world)) for world in worlds) / len(worlds) <= rate
        low, high = (low, level) if quiet else (level, high)
    return lambda holdout, stream: method(high, holdout, stream)


def delay(alarms: list[int]) -> float:
    after = [day - QUIET * 7 + 1 for day in alarms if day >= QUIET * 7]
    return after[0] if after else np.inf


def measure(worlds: dict[str, World], years: int, seed: int) -> list[dict[str, object]]:
    rows = []
    for name, world in worlds.items():
        rng = np.random.default_rng(seed)
        quiet = [(world(rng, HOLDOUT), world(rng, YEAR)) for _ in range(years)]
        changed = []
        for _ in range(years):
            stream = world(rng, QUIET + AFTER)
            stream[QUIET * WEEK :] = np.minimum(stream[QUIET * WEEK :] + RISE, 1)
            changed.append((world(rng, HOLDOUT), stream))
        rate = sum(len(harm(*one)) for one in quiet) / years
        methods: dict[str, Alarms] = {
            "gradino": harm,
            "Page–Hinkley (river)": calibrated(page_hinkley, quiet, rate, 0.01, 10),
            "ADWIN (river)": calibrated(adwin, quiet, rate, 1.1, 1e12),
        }
        for method, alarms in methods.items():
            days = np.array([delay(alarms(*one)) for one in changed])
            middle, late = (float(np.quantile(days, q, method="lower")) for q in (0.5, 0.9))
            rows.append(
                {
                    "world": name,
                    "method": method,
                    "false_alarms_a_year": sum(len(alarms(*one)) for one in quiet) / years,
                    "years_with_one": float(np.mean([bool(alarms(*one)) for one in quiet])),
                    "median_days": middle if np.isfinite(middle) else None,
                    "days_90": late if np.isfinite(late) else None,
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--years", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20220307)
    parser.add_argument("--rides", type=Path, default=Path("../shared/data/bike-sharing-hour.csv"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    worlds: dict[str, World] = {"hours": hours, "storms": storms}
    if options.rides.exists():
        worlds["rides"] = rides(options.rides)
    started = time.perf_counter()
    rows = measure(worlds, options.years, options.seed)
    seconds = round(time.perf_counter() - started, 1)
    if options.json:
        print(json.dumps({"years": options.years, "seconds": seconds, "rows": rows}))
        return
    print(f"{options.years} years of {YEAR} weeks; then a loss {RISE * 100:g} points higher; {seconds} s")
    print(f"{'world':8}{'method':22}{'false alarms a year':>20}{'median days':>13}{'90 % within':>13}")
    for row in rows:
        middle, late = ("–" if row[k] is None else f"{row[k]:,.0f}" for k in ("median_days", "days_90"))
        print(f"{row['world']:8}{row['method']:22}{row['false_alarms_a_year']:20.3f}{middle:>13}{late:>13}")


if __name__ == "__main__":
    main()
