"""Raw batches become versioned, trusted rows.

Enters: what the project's source returns. Leaves: the batch as it came under `raw/`, good rows in the table `rows`,
bad ones with the reason in `quarantine`, and one row of `data_versions` per version, known by its content. The loop
calls `collect` again and again; lineage calls `verify`.

    source  → columns → contract    in a process of its own: the project's code, pandas, pandera
    collect → columns               in the operator: Arrow and the store
"""

from gradino.operate.data.collect import BadBatchError, Collected, collect
from gradino.operate.data.verify import verify

__all__ = ["BadBatchError", "Collected", "collect", "verify"]
