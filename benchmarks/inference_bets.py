"""Which bets need the fewest labels? The wealth of the release experiment under four betting rules.

    python benchmarks/inference_bets.py [--campaigns 1000] [--json]

All are valid while the challenger is at no time better; what they need where it is better is measured. The last
challenger is by turns worse and better, 200 labels each, and on average never better. The rules: the mixture of
constant bets of `gradino.inference.eprocess`, the same with equal stakes on ½ … 1/65536, aGRAPA (Waudby-Smith & Ramdas
2024), and the online Newton step (Cutkosky & Orabona 2018), all with bets in [0, ½].
"""

from __future__ import annotations

import argparse
import json
import math
import time
from typing import Protocol

import numpy as np

from gradino.inference.eprocess import BETS, STAKES

ALPHA, TURN = 0.05, 200
SCENARIOS = {  # name: advantage in points, share of rows that differ, labels at most
    "equal, 10 % differ": (0.0, 0.10, 10_000),
    "better by 0.8, 10 % differ": (0.8, 0.10, 40_000),
    "better by 1.6, 10 % differ": (1.6, 0.10, 15_000),
    "better by 3.2, 10 % differ": (3.2, 0.10, 5_000),
    "better by 1.6, 30 % differ": (1.6, 0.30, 40_000),
    "better by 1.6, 4 % differ": (1.6, 0.04, 5_000),
    "by turns, 50 % differ": (math.nan, 0.50, 4_000),
}


class Rule(Protocol):
    def bet(self) -> np.ndarray: ...
    def see(self, x: np.ndarray) -> None: ...


class Mixture:
    def __init__(self, campaigns: int, bets: np.ndarray, stakes: np.ndarray) -> None:
        self.bets, self.held = bets, np.tile(stakes[:, None], campaigns)

    def bet(self) -> np.ndarray:
        return self.bets @ self.held / self.held.sum(axis=0)

    def see(self, x: np.ndarray) -> None:
        self.held *= 1 + np.outer(self.bets, x)


class Agrapa:
    def __init__(self, campaigns: int) -> None:
        self.n, self.sum, self.squares = 1, np.zeros(campaigns), np.full(campaigns, 0.25)

    def bet(self) -> np.ndarray:
        mean = self.sum / self.n
        return np.clip(mean / (self.squares / self.n), 0, 0.5)  # mean / (variance + mean²)

    def see(self, x: np.ndarray) -> None:
        self.n, self.sum, self.squares = self.n + 1, self.sum + x, self.squares + x * x


class Newton:
    def __init__(self, campaigns: int) -> None:
        self.now, self.curvature = np.zeros(campaigns), np.ones(campaigns)

    def bet(self) -> np.ndarray:
        return self.now

    def see(self, x: np.ndarray) -> None:
        slope = x / (1 + self.now * x)
        self.curvature = self.curvature + slope**2
        self.now = np.clip(self.now + 2 / (2 - math.log(3)) * slope / self.curvature, 0, 0.5)


def rules(campaigns: int) -> dict[str, Rule]:
    wide = 0.5 ** np.arange(1, 17)
    return {
        "gradino": Mixture(campaigns, BETS, STAKES),
        "equal stakes": Mixture(campaigns, wide, np.full(16, 1 / 16)),
        "aGRAPA": Agrapa(campaigns),
        "online Newton": Newton(campaigns),
    }


def labels(scenario: str, campaigns: int, seed: int) -> dict[str, np.ndarray]:
    """By rule, the labels until promotion of each campaign; inf where there was none."""
    points, differ, horizon = SCENARIOS[scenario]
    rng, betting = np.random.default_rng(seed), rules(campaigns)
    wealth = {name: np.ones(campaigns) for name in betting}
    reached = {name: np.full(campaigns, np.inf) for name in betting}
    for t in range(horizon):
        lead = points / 100 if math.isfinite(points) else (-0.1 if t // TURN % 2 == 0 else 0.1)
        u = rng.random(campaigns)
        x = (u < (differ + lead) / 2).astype(float) - ((u >= (differ + lead) / 2) & (u < differ))
        for name, rule in betting.items():
            wealth[name] *= 1 + rule.bet() * x
            rule.see(x)
            reached[name] = np.where((wealth[name] >= 1 / ALPHA) & np.isinf(reached[name]), t + 1, reached[name])
    return reached


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--campaigns", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20240229)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    started, rows = time.perf_counter(), []
    for scenario in SCENARIOS:
        for rule, reached in labels(scenario, options.campaigns, options.seed).items():
            middle = float(np.quantile(reached, 0.5, method="lower"))
            promoted = float(np.isfinite(reached).mean())
            median = int(middle) if math.isfinite(middle) else None
            rows.append({"scenario": scenario, "rule": rule, "promoted": promoted, "median_labels": median})
    seconds = round(time.perf_counter() - started, 1)
    if options.json:
        print(json.dumps({"campaigns": options.campaigns, "seconds": seconds, "rows": rows}))
        return
    print(f"{options.campaigns} campaigns each, alpha {ALPHA}; {seconds} s")
    print(f"{'challenger':28}{'bets':16}{'promoted':>10}{'median labels':>15}")
    for row in rows:
        middle = "–" if row["median_labels"] is None else f"{row['median_labels']:,}"
        print(f"{row['scenario']:28}{row['rule']:16}{row['promoted']:10.1%}{middle:>15}")


if __name__ == "__main__":
    main()
