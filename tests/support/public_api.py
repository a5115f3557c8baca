"""The public API as text: signatures, fields and methods of the names in ``wtemlp.__all__``.

    python -m tests.support.public_api > tests/unit/public_api.txt

Read from the sources, so that it is the same with every version of Python and of libraries.
"""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import wtemlp

Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines() -> Iterator[str]:
    """A line for each function, class, field and public method; its class comes before it."""
    for name, module in wtemlp._WHERE.items():
        spec = find_spec(module)
        assert spec is not None and spec.origin is not None, module
        body = ast.parse(Path(spec.origin).read_text()).body
        found = next(node for node in body if getattr(node, "name", "") == name)
        yield from _class(found) if isinstance(found, ast.ClassDef) else [_function(found, name)]


def _class(node: ast.ClassDef) -> Iterator[str]:
    yield f"class {node.name}({', '.join(map(ast.unparse, node.bases))})"
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            name, given = one.target.id, one.value is not None
            line = f"{name}: {ast.unparse(one.annotation)}{' = ...' * given}"
        elif isinstance(one, Function):
            name, line = one.name, _function(one, one.name)
        else:
            continue
        if not name.startswith("_"):
            yield f"{node.name}.{line}"


def _function(node: ast.AST, name: str) -> str:
    assert isinstance(node, Function), name
    kinds = {ast.unparse(one) for one in node.decorator_list} & {"property", "classmethod"}
    ends = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return " ".join([*sorted(kinds), f"{name}({ast.unparse(node.args)}){ends}"])


if __name__ == "__main__":
    print("\n".join(lines()))
