"""The chi-square distribution, as far as drift needs it, so that nothing but numpy is imported at run time."""

from __future__ import annotations

import math
from statistics import NormalDist


def quantile(p: float, df: int) -> float:
    """The x with P(X ≤ x) = p for X chi-square with `df` ≥ 1 degrees of freedom; relative error below 1e-9.

    Starts at the cube of Wilson & Hilferty (1931), then Newton's method on the logarithm of the upper tail, which keeps
    its precision for p close to 1. Raises ValueError for p outside (0, 1) or df below 1.
    """
    if not (0 < p < 1 and df >= 1):
        raise ValueError(f"needs 0 < p < 1 and df ≥ 1, got p={p}, df={df}")
    spread = 2 / (9 * df)
    x = df * max(1 - spread + NormalDist().inv_cdf(p) * math.sqrt(spread), 0.01) ** 3
    for _ in range(50):
        upper = survival(x, df)
        density = math.exp((df / 2 - 1) * math.log(x / 2) - x / 2 - math.lgamma(df / 2)) / 2
        step = math.log(upper / (1 - p)) * upper / density
        x = max(x + step, x / 2)
        if abs(step) <= 1e-13 * x:
            break
    return x


def survival(x: float, df: int) -> float:
    """P(X > x) for X chi-square with `df` degrees of freedom, x ≥ 0: the regularised upper incomplete gamma function.

    Its power series below df + 2, Lentz's continued fraction above: Press et al., Numerical Recipes, §6.2.
    """
    a, z = df / 2, x / 2
    if z <= 0:
        return 1.0
    front = math.exp(a * math.log(z) - z - math.lgamma(a))
    if z < a + 1:
        term = total = 1 / a
        k = a
        while term > total * 1e-17:
            k += 1
            term *= z / k
            total += term
        return 1 - front * total
    b = z + 1 - a
    c, d = math.inf, 1 / b
    fraction = d
    for i in range(1, 10_000):
        b += 2
        d = 1 / (b - i * (i - a) * d)
        c = b - i * (i - a) / c
        fraction *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return front * fraction
