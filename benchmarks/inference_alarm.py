"""The harm alarm: false alarms in stationary years, and labels until a loss five points higher is found.

    python benchmarks/inference_alarm.py [--years 200] [--json] [--plot FILE.svg]

A model errs on 20 % of rows and then on 25 %; in the second world on 10 % by night and 40 % at rush hour, of 30 labels
an hour, and then on 15 % and 45 %. A year has 8,760 labels. What is allowed is learnt from a holdout of 1,440
rows, drawn anew for every year. An alarm starts the method anew. Beside `gradino.inference.alarm`, which keeps its
default threshold: Page–Hinkley (Page 1954; drift 0.005 as usual, and 0.025, which is tuned to this very change), DDM
(Gama et al. 2004) and ADWIN (Bifet & Gavaldà 2007; cuts tried every 32 rows), all started on the same holdout and
calibrated, with the plain world in hand, to gradino's false-alarm rate there; and e-CUSUM with gradino's threshold.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gradino.inference import alarm

if TYPE_CHECKING:
    from collections.abc import Callable

    Detector = Callable[[np.ndarray, np.ndarray], np.ndarray]  # holdouts, streams (s, t) → alarms (s, t)

YEAR, HOLDOUT, QUIET, AFTER, RISE = 8760, 1440, 720, 6_000, 0.05
NIGHT, RUSH, AN_HOUR = 0.10, 0.40, 30
WORLDS = ("plain", "rush hours")
BLOCK = 32


def losses(rng: np.random.Generator, streams: int, rows: int, world: str, change: int | None = None) -> np.ndarray:
    """0/1 losses, shape (streams, rows); 5 points higher from the row `change`."""
    rush = np.isin(hour(rows), (7, 8, 9, 16, 17, 18, 19, 20))
    rate = np.where(rush, RUSH, NIGHT) if world == "rush hours" else np.full(rows, 0.2)
    if change is not None:
        rate = rate + RISE * (np.arange(rows) >= change)
    return (rng.random((streams, rows)) < rate).astype(float)


def hour(rows: int) -> np.ndarray:
    return np.arange(rows) // AN_HOUR % 24


def harm(holdouts: np.ndarray, streams: np.ndarray, by_hour: bool = False) -> np.ndarray:
    before, context = hour(holdouts.shape[1]) * by_hour, hour(streams.shape[1]) * by_hour
    alarms = np.zeros(streams.shape, dtype=bool)
    for holdout, stream, raised in zip(holdouts, streams, alarms, strict=True):
        allowed = alarm.seasonal(holdout, before, 24) if by_hour else (alarm.reference(holdout),)
        at = 0
        while at < len(stream):
            state = alarm.Harm(allowed, threshold=YEAR).update(stream[at:], context[at:])
            at += state.n
            raised[at - 1] = state.alarmed
    return alarms


def e_cusum(holdouts: np.ndarray, streams: np.ndarray) -> np.ndarray:
    allowed = np.array([alarm.reference(holdout) for holdout in holdouts])
    held = np.zeros((len(alarm.FRACTIONS), len(allowed)))
    alarms = np.zeros(streams.shape, dtype=bool)
    for t, x in enumerate(streams.T):
        held = np.maximum(held, 1) * (1 + np.outer(alarm.FRACTIONS, x / allowed - 1))
        alarms[:, t] = fired = alarm.STAKES @ held >= YEAR
        held[:, fired] = 0
    return alarms


def page_hinkley(holdouts: np.ndarray, streams: np.ndarray, level: float, drift: float) -> np.ndarray:
    seen, start = holdouts.shape[1], holdouts.mean(axis=1)
    mean, count, height = start.copy(), np.full(len(start), seen), np.zeros(len(start))
    alarms = np.zeros(streams.shape, dtype=bool)
    for t, x in enumerate(streams.T):
        count += 1
        mean += (x - mean) / count
        height = np.maximum(height + x - mean - drift, 0)
        alarms[:, t] = fired = height > level
        mean, count, height = np.where(fired, start, mean), np.where(fired, seen, count), np.where(fired, 0, height)
    return alarms


def ddm(holdouts: np.ndarray, streams: np.ndarray, level: float) -> np.ndarray:
    seen, start = holdouts.shape[1], holdouts.mean(axis=1)
    rate, count = start.copy(), np.full(len(start), seen)
    best, spread = (new := (start, np.sqrt(start * (1 - start) / seen)))
    alarms = np.zeros(streams.shape, dtype=bool)
    for t, x in enumerate(streams.T):
        count += 1
        rate += (x - rate) / count
        error = np.sqrt(rate * (1 - rate) / count)
        lower = rate + error < best + spread
        best, spread = np.where(lower, rate, best), np.where(lower, error, spread)
        alarms[:, t] = fired = rate + error > best + level * spread
        rate, count = np.where(fired, start, rate), np.where(fired, seen, count)
        best, spread = np.where(fired, new[0], best), np.where(fired, new[1], spread)
    return alarms


def adwin(holdouts: np.ndarray, streams: np.ndarray, level: float) -> np.ndarray:
    """`level` is −log δ. Window edges and cuts lie between blocks of 32 rows, cuts at sizes growing by a fifth."""
    rows = np.hstack([holdouts, streams])
    blocks = rows[:, : rows.shape[1] // BLOCK * BLOCK].reshape(len(rows), -1, BLOCK).sum(axis=2)
    total = np.hstack([np.zeros((len(rows), 1)), blocks.cumsum(axis=1)])
    sizes = np.unique(np.rint(1.2 ** np.arange(60)).astype(int))
    start, each = np.zeros(len(rows), dtype=int), np.arange(len(rows))[:, None]
    alarms = np.zeros(rows.shape, dtype=bool)
    for end in range(2, blocks.shape[1] + 1):
        cut = end - sizes[sizes < end]
        new, old = (end - cut) * BLOCK, np.maximum(cut - start[:, None], 0) * BLOCK
        n = (end - start[:, None]) * BLOCK
        mean = (total[:, [end]] - total[each, start[:, None]]) / n
        late = (total[:, [end]] - total[:, cut]) / new
        early = (total[:, cut] - total[each, start[:, None]]) / np.maximum(old, 1)
        harmonic = 1 / new + 1 / np.maximum(old, 1)
        loose = math.log(2) + np.log(np.log(n)) + level
        bound = np.sqrt(2 * harmonic * mean * (1 - mean) * loose) + 2 / 3 * harmonic * loose
        found = (np.abs(late - early) > bound) & (old > 0)
        alarms[:, end * BLOCK - 1] = (found & (late > early)).any(axis=1)
        start = np.where(found.any(axis=1), np.where(found, cut, 0).max(axis=1), start)
    return alarms[:, holdouts.shape[1] :]


def calibrated(method: Callable[..., np.ndarray], low: float, high: float, worlds: tuple, rate: float) -> Detector:
    """The method at the lowest level, between `low` and `high`, with at most `rate` false alarms a year."""
    for _ in range(10):
        level = math.sqrt(low * high)
        quiet = method(*worlds, level).sum() / len(worlds[1]) <= rate
        low, high = (low, level) if quiet else (level, high)
    return lambda holdouts, streams: method(holdouts, streams, high)


def delays(alarms: np.ndarray) -> np.ndarray:
    """Labels from the change to the first alarm after it; inf where there is none."""
    after = alarms[:, QUIET:]
    return np.where(after.any(axis=1), after.argmax(axis=1) + 1.0, np.inf)


def measure(years: int, seed: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """One row per world and method, and the share of changes found over the labels since."""
    rng = np.random.default_rng(seed)
    draw = partial(losses, rng, years)
    detectors: dict[str, Detector] = {
        "gradino": harm,
        "gradino, by hour": partial(harm, by_hour=True),
        "e-CUSUM": e_cusum,
    }
    plain = draw(HOLDOUT, "plain"), draw(YEAR, "plain")
    rate = harm(*plain).sum() / years
    for drift in (0.005, 0.025):
        tuned = partial(page_hinkley, drift=drift)
        detectors[f"Page–Hinkley {drift}"] = calibrated(tuned, 1, 1000, plain, rate)
    detectors["DDM"] = calibrated(ddm, 0.5, 50, plain, rate)
    detectors["ADWIN"] = calibrated(adwin, 0.1, 100, plain, rate)
    rows, curves = [], []
    for world in WORLDS:
        quiet = plain if world == "plain" else (draw(HOLDOUT, world), draw(YEAR, world))
        holdouts, changed = draw(HOLDOUT, world), draw(QUIET + AFTER, world, change=QUIET)
        for name, detector in detectors.items():
            labels = delays(detector(holdouts, changed))
            middle, late = (float(np.quantile(labels, q, method="lower")) for q in (0.5, 0.9))
            rows.append(
                {
                    "world": world,
                    "method": name,
                    "false_alarms_a_year": float(detector(*quiet).sum() / years),
                    "median_delay": middle if math.isfinite(middle) else None,
                    "delay_90": late if math.isfinite(late) else None,
                }
            )
            curves += [
                {"world": world, "method": name, "labels": n, "found": float((labels <= n).mean())}
                for n in range(0, AFTER, 200)
            ]
    return rows, curves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--years", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20220307)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    started = time.perf_counter()
    rows, curves = measure(options.years, options.seed)
    seconds = round(time.perf_counter() - started, 1)
    if options.plot:
        plot(curves, options.plot)
    if options.json:
        print(json.dumps({"years": options.years, "seconds": seconds, "rows": rows}))
        return
    print(f"{options.years} years of {YEAR} labels; then a loss {RISE * 100:g} points higher; {seconds} s")
    print(f"{'world':12}{'method':22}{'false alarms a year':>20}{'median delay':>14}{'90 % within':>13}")
    for row in rows:
        middle, late = ("–" if row[k] is None else f"{row[k]:,.0f}" for k in ("median_delay", "delay_90"))
        print(f"{row['world']:12}{row['method']:22}{row['false_alarms_a_year']:20.3f}{middle:>14}{late:>13}")


def plot(curves: list[dict[str, object]], path: Path) -> None:
    import altair as alt

    chart = (
        alt.Chart(alt.Data(values=curves))
        .mark_line()
        .encode(
            x=alt.X("labels:Q", title="labels since the change"),
            y=alt.Y("found:Q", axis=alt.Axis(format="%")),
            color="method:N",
            column="world:N",
        )
    )
    chart.save(path)


if __name__ == "__main__":
    main()
