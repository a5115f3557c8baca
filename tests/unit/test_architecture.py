"""The house keeps its shape: imports point one way, and some things are done in one room only."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import wtemlp

ROOT = Path(wtemlp.__file__).parent

#: What each package may import of wtemlp, from the bottom to the top; ``None``: everything.
ALLOWED = {
    "core": set(),
    "analysis": {"core"},
    "structures": {"core"},
    "dpgen": {"core"},
    "config": {"core", "analysis", "dpgen", "structures"},
    "records": {"core", "analysis", "config"},
    "dispatch": {"core", "config"},
    "md": {"core", "analysis", "config"},
    "lammps_plumed": {"core", "config", "md"},
    "reference": {"core", "config", "dispatch", "dpgen", "md", "structures"},
    "report": {"core", "analysis", "config", "dispatch", "md", "records"},
    "session": {"core", "config", "dispatch", "records", "report"},
    "preflight": {"core", "config", "dispatch", "lammps_plumed", "md", "records", "reference"},
    "stages": {"core", "analysis", "config", "dispatch", "dpgen", "md", "records", "reference"}
    | {"structures"},
    "workflow": {
        "core",
        "analysis",
        "config",
        "dispatch",
        "preflight",
        "records",
        "reference",
        "report",
        "session",
        "stages",
    },
    "initialize": {"core", "analysis", "config", "dispatch", "md", "records"}
    | {"reference", "session", "structures"},
    "planning": {"core", "analysis", "config", "dispatch", "md"}
    | {"records", "reference", "session"},
    "validation": {
        "core",
        "analysis",
        "config",
        "dispatch",
        "md",
        "preflight",
        "records",
        "reference",
        "session",
    },
    "comparison": {"core", "analysis", "config", "records", "report"},
    "sweep": {"core", "analysis", "config", "planning", "records", "session"},
    "cli": None,
    "testing": {"analysis", "dispatch", "md", "reference", "stages"},
    # Names of before the packages, for one release.
    "summary": {"records"},
    "validation_record": {"records"},
    "sweep_record": {"records"},
    "__main__": {"cli"},
    "__init__": set(),
}
#: Where each stage begins.  Only labelling selects; the others do not know of each other.
STAGES = {
    "train": "stages/train.py",
    "explore": "stages/exploration/explore.py",
    "select": "stages/select.py",
    "label": "stages/label.py",
}
STAGE_IMPORTS = {"label": {"select"}}


#: Modules under names of before the packages, for one release.
RENAMED = {"summary", "validation_record", "sweep_record"}


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


def own_rooms_of(name: str) -> set[str]:
    return set().union(*(own_rooms(path) for path in modules() if room(path) == name))


def test_every_room_is_known():
    assert {room(path) for path in modules()} == set(ALLOWED)
    assert len(set(ALLOWED) - RENAMED) <= 24


def test_the_list_of_imports_is_exact():
    """An arrow that nobody needs any more is taken off the list."""
    for name, allowed in ALLOWED.items():
        if allowed is not None:
            assert own_rooms_of(name) == allowed, name
    arrows = sum(len(own_rooms_of(name)) for name in ALLOWED if name not in RENAMED)
    assert arrows <= 120


def test_no_import_points_up():
    """A package imports only packages that stand before it in the list."""
    order = list(ALLOWED)
    for name, allowed in ALLOWED.items():
        if name != "__main__":
            assert all(order.index(below) < order.index(name) for below in allowed or ()), name


def test_folders_are_small():
    for folder in {path.parent for path in modules()}:
        files = [file for file in folder.iterdir() if file.is_file()]
        assert len(files) <= 20, folder
    assert len([path for path in ROOT.glob("*") if path.is_file()]) <= 8


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    if ALLOWED[room(path)] is not None:
        assert own_rooms(path) <= ALLOWED[room(path)]


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_import_each_other(stage):
    modules_of = {
        name: "wtemlp." + file.removesuffix(".py").replace("/", ".")
        for name, file in STAGES.items()
    }
    found = {
        name
        for name, module in modules_of.items()
        if name != stage and module in set(imports(ROOT / STAGES[stage]))
    }
    assert found <= STAGE_IMPORTS.get(stage, set())


@pytest.mark.parametrize(
    ("package", "owners"),
    [
        ("dpgen", {"dpgen"}),
        ("dpdispatcher", {"dispatch"}),
        ("click", {"cli"}),
        ("plotly", {"report"}),
        ("rich", {"session"}),
    ],
)
def test_a_library_has_one_door(package, owners):
    users = {room(p) for p in modules() if package in {n.split(".")[0] for n in imports(p)}}
    assert users <= owners


def test_what_only_reads_cannot_start_a_job():
    for path in modules():
        if room(path) in ("report", "comparison", "analysis", "records"):
            assert not any("run_tasks" in name for name in imports(path)), path


def test_working_directory_is_changed_by_the_adapter_only():
    for path in modules():
        if room(path) == "dpgen" or path.name == "process_copies.py":  # a process just begun
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


def test_files_go_one_way_through_config():
    """No module of config imports one that leads back to it."""
    folder = ROOT / "config"
    names = {
        "wtemlp." + ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in folder.rglob("*.py")
        if path.name != "__init__.py"
    }
    below = {name: set(imports(path)) & names.keys() for name, path in names.items()}
    TopologicalSorter(below).prepare()  # raises where there is a circle
    assert not [name for name, others in below.items() if "wtemlp.config.params" in others]


def test_a_class_name_has_one_meaning():
    names: dict[str, list[str]] = {}
    for path in modules():
        for node in nodes(path):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                names.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: places for name, places in names.items() if len(places) > 1} == {}


def test_only_the_command_line_sets_up_logging():
    """A library logs to its own logger; the root is touched in two places."""
    for path in modules():
        if str(path.relative_to(ROOT)) in ("cli/__init__.py", "core/imports.py"):
            continue
        for node in nodes(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr != "basicConfig", path
                root = node.func.attr == "getLogger" and not node.args
                assert not root, f"{path}:{node.lineno}: the root logger"


def test_whether_it_is_dpgen_is_answered_by_objects():
    for path in modules():
        text = path.read_text()
        assert "by_dpgen" not in text, path
        if room(path) not in ("config",):
            assert "is_foreign" not in text, path


def test_no_test_module_imports_another():
    """What several need is in ``tests/support``."""
    tests = ROOT.parent / "tests"
    for path in sorted(tests.rglob("*.py")):
        for name in imports(path):
            last = name.split(".")
            lender = [part for part in last if part.startswith("test_") or part == "conftest"]
            assert not (last[0] == "tests" and lender), f"{path}: {name}"
