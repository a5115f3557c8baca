"""Print the figures of the package's structure, which docs/architecture.md quotes.

``python benchmarks/structure.py [FOLDER]`` counts in the package `FOLDER` (default: wtemlp).
"""

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

MARKS = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def code_lines(text: str) -> tuple[int, int]:
    """Count the lines that hold code, and those of docstrings.

    Parameters
    ----------
    text : str
        Source of a module.

    Returns
    -------
    int, int
    """
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docs: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            docs.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in MARKS:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - docs), len(docs)


def arrows(root: Path) -> set[tuple[str, str]]:
    """Pairs of entries at the top of the package of which the first imports the second."""
    found = set()
    for file in root.rglob("*.py"):
        own = file.relative_to(root).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            parts = (name.split(".") for name in names)
            found |= {(own, p[1]) for p in parts if p[0] == root.name and len(p) > 1}
    return {(a, b) for a, b in found if a != b and b != "__version__"}


def type_errors(root: Path) -> str:
    """What ``mypy --strict`` finds in the package, as its last line tells."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout.splitlines() or [done.stderr.strip()])[-1]


def main() -> None:
    """Print one figure a line."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "wtemlp").resolve()
    files = sorted(root.rglob("*.py"))
    counts = [code_lines(file.read_text()) for file in files]
    entries = {p.name for p in root.iterdir() if p.name != "__pycache__"}
    packages = {name for name in entries if (root / name).is_dir()}
    largest = max({file.parent for file in files}, key=lambda d: len(list(d.glob("*.*"))))
    print(f"entries at the top beside packages: {len(entries - packages)}")
    print(f"packages and modules at the top: {len({f.relative_to(root).parts[0] for f in files})}")
    print(f"imports between them: {len(arrows(root))}")
    print(f"files: {len(files)}")
    print(f"most files in a folder: {len(list(largest.glob('*.*')))} ({largest.name})")
    print(f"lines of code: {sum(code for code, _ in counts)}")
    print(f"lines of docstrings: {sum(docs for _, docs in counts)}")
    print(f"mypy --strict: {type_errors(root)}")


if __name__ == "__main__":
    main()
