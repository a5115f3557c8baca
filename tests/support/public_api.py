"""The public API as text: arguments, fields and methods of the names in ``wtemlp.__all__``.

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
    """A line for each class, field, function, argument and result."""
    for name, module in wtemlp._WHERE.items():
        spec = find_spec(module)
        assert spec is not None and spec.origin is not None, module
        body = ast.parse(Path(spec.origin).read_text()).body
        found = next(node for node in body if getattr(node, "name", "") == name)
        yield from _class(found) if isinstance(found, ast.ClassDef) else _function(found, name)


def _class(node: ast.ClassDef) -> Iterator[str]:
    yield f"class {node.name}({', '.join(map(ast.unparse, node.bases))})"
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            if not one.target.id.startswith("_"):
                given = " = ..." * (one.value is not None)
                yield f"{node.name}.{one.target.id}: {ast.unparse(one.annotation)}{given}"
        elif isinstance(one, Function) and not one.name.startswith("_"):
            yield from _function(one, f"{node.name}.{one.name}")


def _function(node: ast.AST, name: str) -> Iterator[str]:
    assert isinstance(node, Function), name
    kinds = {ast.unparse(one) for one in node.decorator_list} & {"property", "classmethod"}
    ends = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    yield " ".join([*sorted(kinds), f"{name}(){ends}"])
    args = node.args
    ordered = [*args.posonlyargs, *args.args]
    first = len(ordered) - len(args.defaults)
    for place, one in enumerate(ordered):
        yield f"{name}({place}: {ast.unparse(one)}{' = ...' * (place >= first)})"
    for one, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        yield f"{name}(*, {ast.unparse(one)}{' = ...' * (default is not None)})"


if __name__ == "__main__":
    print("\n".join(lines()))
