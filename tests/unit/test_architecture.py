"""The house keeps its shape: imports point one way, and some things are done in one room only."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import wtemlp

ROOT = Path(wtemlp.__file__).parent

#: Layers from the bottom; a room may import from its own layer's rooms below it in the list of
#: `ALLOWED`, and nothing else of wtemlp.
BASE = {"errors", "units", "seeds", "paths", "files", "text", "hints", "__init__"}
ALLOWED = {
    "versions": BASE,
    "dpgen_adapter": BASE,
    "dpgen_labels": BASE | {"dpgen_adapter"},
    "dpgen_explore": BASE | {"dpgen_adapter"},
    "analysis": BASE | {"analysis"},
    "summary": BASE,
    "validation_record": BASE,
    "sweep_record": BASE,
    "ensemble_record": BASE,
    "config": BASE | {"config", "dpgen_adapter"},
    "state": BASE,
    "dispatch": BASE | {"dispatch", "config", "dpgen_adapter"},
    "md": BASE | {"md", "config", "analysis"},
    "progress": BASE | {"dispatch"},
    "reference": BASE
    | {"reference", "md", "config", "analysis", "dispatch", "dpgen_adapter", "dpgen_labels"},
    "stages": BASE
    | {"reference", "md", "config", "analysis", "dispatch"}
    | {"dpgen_adapter", "dpgen_explore", "dpgen_labels"},
    "report": BASE
    | {"report", "analysis", "summary", "md", "config", "dispatch", "validation_record"},
    "run_page": BASE
    | {"state", "lock", "progress", "report", "config", "initial_result"},
    "comparison": BASE
    | {"comparison", "report", "analysis", "summary", "state", "validation_record", "sweep_record"},
    "lock": BASE | {"progress"},
    "resume": BASE | {"state", "stages", "summary"},
    "user_files": BASE | {"config", "dispatch"},
    "first": BASE | {"state", "config", "versions"},
    "takeover": BASE | {"first", "stages", "state", "summary", "config", "analysis"},
    "loop": BASE
    | {"resume", "first", "takeover", "stages", "state", "summary", "progress", "analysis"}
    | {"config", "dispatch", "user_files"},
    "loop_dpgen": BASE | {"loop", "stages", "summary", "state", "dispatch", "progress"},
    "initial_result": BASE | {"config", "analysis"},
    "initial_folder": BASE | {"initial_result", "config", "md"},
    "initial_ensembles": BASE | {"ensemble_record", "md", "config", "analysis"},
    "initial_data": BASE | {"initial_result", "reference", "md", "config"},
    "initial": BASE
    | {"initial_data", "initial_ensembles", "initial_folder", "initial_result", "reference", "md"}
    | {"config", "dispatch", "progress", "user_files"},
    "planning": BASE
    | {"initial", "initial_result", "reference", "md", "config", "analysis"}
    | {"dispatch", "progress", "user_files"},
    "validation": BASE
    | {"validation", "reference", "md", "config", "analysis", "dispatch", "progress", "state"}
    | {"validation_record", "user_files", "versions"},
    "preflight": BASE | {"config", "md", "dispatch"},
    "plumed_lines": BASE | {"preflight", "user_files", "config", "md"},
    "rehearsal": BASE | {"reference", "config", "md"},
    "checking": BASE
    | {"checking", "preflight", "plumed_lines", "rehearsal", "first", "user_files", "config"}
    | {"dispatch"},
    "status": BASE
    | {"state", "first", "lock", "report", "progress", "initial_result", "summary"}
    | {"validation_record"},
    "at_work": BASE | {"lock", "progress"},
    "options": BASE,
    "sweep": BASE
    | {"sweep", "sweep_record", "at_work", "planning", "preflight", "plumed_lines", "rehearsal"}
    | {"user_files", "first", "lock", "progress", "report", "state", "summary", "config"}
    | {"analysis"},
    "__main__": {"cli"},
    "commands": None,
    "cli": None,
}
STAGES = {"train", "explore", "select", "label"}
#: Only the labelling stage selects; the others do not know of each other.
STAGE_IMPORTS = {"label": {"select"}}


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py"))


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0].removesuffix(".py")


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All nodes of a module's syntax tree; a module is read once."""
    return list(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all that a module imports, wherever in the file."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_rooms(path: Path) -> set[str]:
    names = (name.split(".") for name in imports(path))
    rooms = {parts[1] for parts in names if parts[0] == "wtemlp" and len(parts) > 1}
    return rooms - {"__version__", room(path)}


def test_every_room_is_known():
    assert {room(path) for path in modules()} - BASE == set(ALLOWED)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    if room(path) in BASE:
        assert own_rooms(path) <= BASE
    elif ALLOWED[room(path)] is not None:
        assert own_rooms(path) <= ALLOWED[room(path)]


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_stages_do_not_import_each_other(stage):
    found = {
        name.split(".")[2]
        for name in imports(ROOT / "stages" / f"{stage}.py")
        if name.startswith("wtemlp.stages.") and name.split(".")[2] in STAGES
    }
    assert found <= STAGE_IMPORTS.get(stage, set())


@pytest.mark.parametrize(
    ("package", "owners"),
    [
        ("dpgen", {"dpgen_adapter"}),
        ("dpdispatcher", {"dispatch"}),
        ("click", {"cli", "options"}),
        ("plotly", {"report"}),
        ("rich", {"progress"}),
    ],
)
def test_a_library_has_one_door(package, owners):
    users = {room(p) for p in modules() if package in {n.split(".")[0] for n in imports(p)}}
    assert users <= owners


def test_what_only_reads_cannot_start_a_job():
    for path in modules():
        if room(path) in ("report", "run_page", "comparison", "status", "analysis"):
            assert not any("run_tasks" in name for name in imports(path)), path


def test_working_directory_is_changed_by_the_adapter_only():
    for path in modules():
        if room(path) == "dpgen_adapter":
            continue
        names = nodes(path)
        names = {node.attr for node in names if isinstance(node, ast.Attribute)}
        assert not names & {"chdir", "getcwd"}, path


def test_modules_and_functions_are_small():
    for path in modules():
        assert path.read_text().count("\n") <= 400, path
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno <= 70, f"{path}: {node.name}"


def test_no_exception_is_swallowed():
    for path in modules():
        for node in nodes(path):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{path}:{node.lineno}: bare except"
                assert not all(isinstance(b, ast.Pass) for b in node.body), f"{path}:{node.lineno}"
