"""The web page: a store comes in, one page goes out, live or as a file. It shows what is recorded and decides nothing.

`story` reads the records, `series` folds the outcomes, `charts` and `draw` make the pictures, `render` puts them into
the one template, `serve` answers HTTP. `python -m gradino.console` and the command line call it.
"""

from gradino.console.render import page, write_report
from gradino.console.story import read, status

__all__ = ["page", "read", "status", "write_report"]
