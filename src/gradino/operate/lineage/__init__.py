"""From a prediction back to raw bytes: an id comes in, the chain with every hash recomputed goes out.

`seal` hashes the log as it grows (the loop calls it); `trace` walks and checks (command line, page and demo call it).
"""

from gradino.operate.lineage.seal import seal
from gradino.operate.lineage.trace import Link, trace

__all__ = ["Link", "seal", "trace"]
