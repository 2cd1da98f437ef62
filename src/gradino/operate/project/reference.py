"""A function that the project names as text, `package.module:function`: found without being run, loaded on demand."""

import ast
import importlib
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from gradino.errors import ProjectError


@dataclass(frozen=True, slots=True)
class Reference:
    """`module:name` in the project's own files."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Split `package.module:name`; raises ValueError when it has another form."""
        module, _, name = text.partition(":")
        if not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(f'"{text}" should look like "package.module:function"')
        return cls(module, name)

    def check(self, root: Path) -> None:
        """See that a file under `root` defines the name, without importing it; raises ProjectError."""
        file, tree = self._parsed(root)
        names = sorted(_defined(tree))
        if self.name not in names:
            near = get_close_matches(self.name, names, n=1)
            advice = f"did you mean `{self.module}:{near[0]}`?" if near else f"it defines: {', '.join(names)}"
            raise ProjectError(f"{file} defines no `{self.name}`", advice)

    def check_parameters(self, root: Path, names: list[str]) -> None:
        """See that the function takes parameters of these names, where its file shows that; raises ProjectError."""
        _, tree = self._parsed(root)
        found = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == self.name), None)
        if found is None or found.args.kwarg:
            return
        known = [argument.arg for argument in (*found.args.args[1:], *found.args.kwonlyargs)]
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                advice = f"did you mean `{near[0]}`?" if near else f"define it as `{self.name}(frame, *, {name}=…)`"
                raise ProjectError(f"{self} takes no parameter `{name}`", advice)

    def _parsed(self, root: Path) -> tuple[Path, ast.Module]:
        stem = root.joinpath(*self.module.split("."))
        file = next((f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()), None)
        if not file:
            raise ProjectError(
                f"{self}: there is no {stem.relative_to(root)}.py in {root}",
                "correct the module in gradino.toml",
            )
        try:
            return file, ast.parse(file.read_bytes())
        except SyntaxError as error:
            raise ProjectError(f"{file}:{error.lineno}: {error.msg}", "mend the syntax there") from None

    def load(self, code: Path) -> Any:
        """Import the module with `code` first on the path and return the object. Only job processes call this."""
        if str(code) not in sys.path:
            sys.path.insert(0, str(code))
        return getattr(importlib.import_module(self.module), self.name)


def _defined(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {t.id for t in targets if isinstance(t, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {a.asname or a.name.partition(".")[0] for a in aliases}
    return names
