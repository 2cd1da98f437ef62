"""Functions of a project that only talk: they are named for what they do not do."""

import re

from gradino.measure.python import Call, Function, Module

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
    return own is not None and bool(own.calls) and talks(own)


def talks(function: Function) -> bool:
    """Whether a function, or a method that says so, prints or logs at most."""
    names = [c.name for c in function.calls]
    if function.refs or function.commands or function.asserts or (not names and "." in function.name):
        return False
    said = not names or any(_SAYS.search(n) for n in names)
    return said and all(_SAYS.search(n) or _IN_PASSING.search(n) for n in names)
