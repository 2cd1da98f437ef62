"""Where rows come from, and what a good row is."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pandera.pandas as pa


class Demand(pa.DataFrameModel):
    """One row an hour."""

    hour: pd.Timestamp = pa.Field(unique=True)
    temperature: float = pa.Field(ge=-40, le=50)  # °C
    demand: float = pa.Field(ge=0)


def collect(since: datetime) -> pd.DataFrame:
    """The hours after `since` (UTC), at most the last year: invented here; replace this with your query."""
    now = pd.Timestamp(datetime.now(UTC).replace(tzinfo=None)).floor("h")
    start = max(pd.Timestamp(since).ceil("h"), now - pd.Timedelta(days=365))
    hour = pd.date_range(start, now, freq="h", inclusive="right")
    noise = np.array([np.random.default_rng(int(h.timestamp())).normal(size=2) for h in hour]).reshape(-1, 2)
    temperature = 12 + 8 * np.sin((hour.hour - 9) / 24 * 2 * np.pi) + 2 * noise[:, 0]
    demand = 100 + 40 * np.isin(hour.hour, (8, 9, 17, 18)) + 3 * temperature + 8 * noise[:, 1]
    return pd.DataFrame({"hour": hour, "temperature": temperature, "demand": np.clip(demand, 0, None)})
