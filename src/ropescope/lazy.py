"""Packages that import their parts when they are asked for, so that a light command does not pay for a heavy one.

Such a package lists its names once, as imports that type checkers and editors read and that nothing executes:

    if TYPE_CHECKING:
        from ropescope.theory.decay import gamma_pade as gamma_pade
    else:
        __getattr__, __dir__ = attributes(__name__)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_EXTRAS = {"kvpress": "peers", "ray": "ray"}
"""What to install for a package, where it is not what its room needs."""


def part(module: str, name: str) -> Any:
    """`name` of a module. Raises MissingExtraError where the module imports a package that is not installed."""
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "ropescope"):
            raise
        from ropescope.errors import MissingExtraError

        extra = _EXTRAS.get(package, "evidence" if module.startswith("ropescope.evidence") else "measure")
        raise MissingExtraError(
            f"{name} needs {package}, which is not installed: pip install 'ropescope[{extra}]'."
        ) from error


def attributes(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of `package` (PEP 562): each name is taken from its home module on first use.

    Exported is what the package imports `as` itself. Its source is read when a name is first asked for: who imports from
    the home modules pays nothing. Raises ImportError, then, for a package that was installed without its source.
    """

    @cache
    def homes() -> dict[str, str]:
        import ast

        spec = find_spec(package)
        loader: Any = spec.loader if spec is not None else None
        source = None if loader is None else loader.get_source(package)
        if source is None:
            raise ImportError(
                f"{package} was installed without its source: import from its modules, or install it whole."
            )
        imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
        return {name.name: node.module for node in imports if node.module for name in node.names if name.asname}

    def find(name: str) -> Any:
        if name == "__all__":
            return sorted(homes())
        # Python asks for such names while it imports, where a package has none.
        if name.startswith("__") or name not in homes():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return part(homes()[name], name)

    return find, lambda: sorted({*import_module(package).__dict__, *homes()})
