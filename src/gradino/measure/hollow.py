"""Functions of a project that only talk: they are named for what they do not do."""

import re

from gradino.measure.python import Call, Module

_SAYS = re.compile(
    r"^print$|^(\w+\.)?(echo|secho|pprint|rprint)$|(^|\.)\w*(log|logger|logging|console)(\(\))?\.(debug|info|warning|error|success|print)$",
    re.I,
)
# What stands inside a sentence, or between two.
_IN_PASSING = re.compile(
    r"^(len|str|int|float|round|type)$|\.(format|join|get|items|keys|values|upper|lower|strip|now|utcnow|today|isoformat|strftime)$|"
    r"^(time|asyncio)\.sleep$|^random\.\w+$|\b(get_logger|getLogger|get_run_logger)$"
)


def only_talks(call: Call, module: Module) -> bool:
    """Whether a call enters a function of the same file that prints or logs, and does nothing else."""
    own = module.functions.get(call.name)
    if own is None or own.refs or own.commands:
        return False
    names = [c.name for c in own.calls]
    return any(_SAYS.search(n) for n in names) and all(_SAYS.search(n) or _IN_PASSING.search(n) for n in names)
