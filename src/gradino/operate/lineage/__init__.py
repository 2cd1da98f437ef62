"""From a prediction back to raw bytes: an id comes in, the chain with every hash recomputed goes out.

`seal` hashes the log as it grows (the loop calls it); `trace` and `everything` walk and check (command line, page and
demo call them).

    seal → links → trace      links: each kind of link, recomputed
    dsse                      signed envelopes
"""

from gradino.operate.lineage.links import Link
from gradino.operate.lineage.seal import seal
from gradino.operate.lineage.trace import everything, trace

__all__ = ["Link", "everything", "seal", "trace"]
