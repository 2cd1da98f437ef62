"""The Python modules of one bundle, apart from all others of the same name.

Champion and challenger carry different versions of the same module, and one process serves both. Each bundle's
modules are therefore imported under a root of their own, `gradino_bundle_<label>.bikes.model`, and an absolute
`import bikes.data` in one of them – also a late one, inside a function – is led to the bundle's own module.
Nothing is read from or written to `__pycache__`.
"""

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from gradino.operate.project.reference import Reference


class Namespace:
    """The modules under `code`. `label` must be unique to their content and fit into an identifier."""

    def __init__(self, code: Path, label: str) -> None:
        self._root = f"gradino_bundle_{label}"
        self._own = {p.stem for p in code.glob("*.py")} | {p.name for p in code.iterdir() if p.is_dir()}
        if self._root not in sys.modules:
            sys.modules[self._root] = ModuleType(self._root)
            sys.meta_path.insert(0, _Finder(self))
        sys.modules[self._root].__path__ = [str(code)]  # the same content may have moved

    @property
    def root(self) -> str:
        return self._root

    def owns(self, module: str) -> bool:
        """Whether the bundle has this top-level module or package."""
        return module.partition(".")[0] in self._own

    def load(self, reference: Reference) -> Any:
        """The object that `module:name` means in this bundle."""
        return getattr(self.module(reference.module), reference.name)

    def module(self, name: str) -> ModuleType:
        """Import one of the bundle's modules by the name the project knows it by."""
        return importlib.import_module(f"{self._root}.{name}")

    def importer(
        self,
        name: str,
        scope: Mapping[str, object] | None = None,
        local: Mapping[str, object] | None = None,
        wanted: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """What `import` calls in the bundle's modules."""
        if level or not self.owns(name):
            return builtins.__import__(name, scope, local, wanted or (), level)
        if wanted:
            return builtins.__import__(f"{self._root}.{name}", scope, local, wanted)
        self.module(name)
        return self.module(name.partition(".")[0])


class _Finder:
    """Finds the modules below one namespace's root."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if not path or not name.startswith(f"{self._namespace.root}."):
            return None
        loader = _loader(self._namespace)
        return next((s for folder in path if (s := FileFinder(folder, (loader, [".py"])).find_spec(name))), None)


def _loader(namespace: Namespace) -> type[SourceFileLoader]:
    class Loader(SourceFileLoader):
        def get_code(self, fullname: str) -> CodeType:
            return compile(self.get_data(self.path), self.path, "exec", dont_inherit=True)

        def exec_module(self, module: ModuleType) -> None:
            vars(module)["__builtins__"] = vars(builtins) | {"__import__": namespace.importer}
            super().exec_module(module)

    return Loader
