"""From a prediction back to raw bytes: an id comes in, the chain with every hash recomputed goes out.

`seal` hashes the log as it grows, `merge` makes few files of many and `expire` lets old ones go (the loop calls them);
`trace` and `everything` walk and check (command line, page and demo call them). What is intact can be told in the words
of others: OpenLineage, in-toto, a model card.

    rows → seal → merge, retention → links → trace    links: each kind of link, recomputed
    record → openlineage, provenance, card            dsse: signed envelopes
"""

from gradino.operate.lineage.card import card
from gradino.operate.lineage.links import Link
from gradino.operate.lineage.merge import merge
from gradino.operate.lineage.openlineage import events
from gradino.operate.lineage.provenance import provenance
from gradino.operate.lineage.record import Record, record
from gradino.operate.lineage.retention import expire
from gradino.operate.lineage.seal import seal
from gradino.operate.lineage.trace import everything, trace

__all__ = ["Link", "Record", "card", "events", "everything", "expire", "merge", "provenance", "record", "seal", "trace"]
