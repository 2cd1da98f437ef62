"""The commands that operators of a pipeline in Python run: whole strings, constants, and what a helper is handed."""

import re
from collections.abc import Iterator

from gradino.measure import shell
from gradino.measure.automation import Step
from gradino.measure.code import Code
from gradino.measure.python import Call, Function, Module

_OPERATOR = re.compile(r"^(?!Empty|Dummy|Email|Slack|Branch|ShortCircuit|Latest)\w*(Operator(Async)?|ShellOperation)$")
_SHELLS = frozenset({"BashOperator", "DockerOperator", "SSHOperator", "KubernetesPodOperator", "ShellOperation"})


def steps(module: Module, code: Code) -> Iterator[Step]:
    """One step for each command, and for each DAG that another starts; an operator may be made by a helper."""
    for function in module.functions.values():
        for call in function.calls:
            said = [call.keywords.get(k, "") for k in ("bash_command", "command")] if call.method in _SHELLS else []
            if _OPERATOR.search(call.method) or _makes_one(module, function, call, code):
                constants = (module.constants.get(r, "") for r in call.refs)
                said += [t for t in (*call.texts, *constants) if " " in t.strip() and _runs(t, module, code)]
            yield from (Step(call.line, text) for text in dict.fromkeys(said) if text)
            if call.method == "TriggerDagRunOperator" and call.keywords.get("trigger_dag_id"):
                yield Step(call.line, f"airflow dags trigger {call.keywords['trigger_dag_id']}")


def _makes_one(module: Module, function: Function, call: Call, code: Code) -> bool:
    """Whether a function of the project that a call enters does nothing but hand an operator back."""
    for path, name in code.targets(module, function, call) if call.texts or call.refs else ():
        other = code.module(path)
        made = other.functions.get(name) if other else None
        if made and made.params and any(_OPERATOR.search(c.method) for c in made.calls):
            return True
    return False


def _runs(text: str, module: Module, code: Code) -> bool:
    """Whether a string is a command that does something known, or runs what lies in the repository."""
    for command in shell.commands(text, 0):
        passed = shell.handover(command.text)
        if shell.verbs(command.text):
            return True
        if passed and passed.kind in ("python", "shell") and code.file(passed.target, module.path):
            return True
        if passed and passed.kind == "module" and code.find(passed.target, module.path) != ("", ""):
            return True
    return False
