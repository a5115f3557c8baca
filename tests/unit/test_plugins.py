"""What other packages add: labellers, selectors and explorers; and the checks that they pass."""

import configparser
import json
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from dargs import Argument

from tests.support.loop_runs import PARAM, machine, write_data
from tests.support.waters import water_box
from wtemlp import testing
from wtemlp.analysis.frames import Decision, FrameTable
from wtemlp.config.keys.labels import AseMethod, ForceField, Selection
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.config.schema.json_schema import schema_text
from wtemlp.core import plugins
from wtemlp.core.errors import InputError
from wtemlp.records.compatibility import first_state
from wtemlp.records.state import Step
from wtemlp.reference.ase_calculator import AseCalculator
from wtemlp.reference.base import Frames
from wtemlp.reference.lammps_ff import LammpsForceField
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration.explorer import LammpsExplorer
from wtemlp.stages.registry import explorer_of, explorer_that_made
from wtemlp.stages.select import selector_of
from wtemlp.stages.selectors import AtRandom, ByDeviation
from wtemlp.workflow.resume import made_otherwise

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/plugin/src"


@pytest.fixture
def added(monkeypatch):
    """The example's labeller and selector, as if its package were installed."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    theirs = {
        plugins.LABELLERS: {"soft-spheres": "wtemlp_example.labeller:SoftSpheres"},
        plugins.SELECTORS: {"hottest": "wtemlp_example.selector:Hottest"},
        plugins.EXPLORERS: {
            "broken": "wtemlp_example.missing:Nothing",
            "own": "tests.unit.test_plugins:Own",
        },
    }
    monkeypatch.setattr(
        plugins,
        "entry_points",
        lambda group: [EntryPoint(name, at, group) for name, at in theirs[group].items()],
    )
    plugins._found.cache_clear()
    yield
    monkeypatch.undo()
    plugins._found.cache_clear()


def test_the_built_in_ones_are_entry_points_of_the_package():
    setup = configparser.ConfigParser(delimiters=("=",))
    setup.read(ROOT / "setup.cfg")
    for group, expected in plugins.BUILT_IN.items():
        lines = setup["options.entry_points"][group].strip().splitlines()
        assert dict(line.split(" = ") for line in lines) == expected


@pytest.mark.parametrize("group", plugins.BUILT_IN)
def test_every_built_in_one_can_be_loaded(group):
    for name in plugins.BUILT_IN[group]:
        assert callable(plugins.load(group, name).of)


def write(folder: Path, **changes: object) -> Path:
    write_data(folder)
    file = folder / "param.json"
    file.write_text(json.dumps(PARAM | changes))
    return file


def test_the_keys_of_a_plugin_are_checked_and_have_defaults(tmp_path, added):
    soft = {"fp_style": "soft-spheres", "fp_params": {"k": 3.0}}
    params = load_params(write(tmp_path, **soft, selection={"method": "hottest"}), tmp_path)
    assert params.jdata["fp_params"] == {"k": 3.0, "d": 2.0}
    assert type(selector_of(params)).__name__ == "Hottest"
    assert "soft-spheres" in schema_text("param") and "Stiffness" in schema_text("param")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fp_style": "soft-sphere"}, ('fp_style = "soft-sphere"', '"soft-spheres"')),
        ({"fp_style": "soft-spheres", "fp_params": {"kk": 3.0}}, ("fp_params", "kk")),
        ({"fp_style": "soft-spheres", "fp_params": {"k": "x"}}, ("fp_params.k", "number")),
        (
            {"selection": {"method": "hot"}},
            ("selection.method", '"deviation", "hottest" or "random"'),
        ),
        ({"selection": {"method": "random", "parameters": {"a": 1}}}, ("parameters", "remove")),
        ({"model_devi_engine": "broken"}, ("model_devi_engine", "cannot be imported")),
        ({"model_devi_engine": "mc"}, ('model_devi_engine = "mc"', '"broken"')),
    ],
)
def test_a_wrong_name_or_key_is_refused_with_what_there_is(tmp_path, added, changes, words):
    with pytest.raises(InputError) as error:
        load_params(write(tmp_path, **changes), tmp_path)
    assert all(word in str(error.value) for word in words), error.value


class Own(LammpsExplorer):
    """An exploration of another package, with a key of its own."""

    kind = "own"
    arguments = (Argument("depth", int, optional=True, default=3, doc="How deep."),)


def test_an_explorer_is_known_by_what_it_has_prepared(tmp_path, added):
    """An iteration goes on with the explorer that has begun it, or explores again."""
    job = {"sys_idx": [0], "temps": [300], "ensemble": "nvt", "nsteps": 100, "trj_freq": 10}
    file = write(tmp_path, model_devi_engine="own", model_devi_jobs=[job])
    params = load_params(file, tmp_path)
    assert params.explorer_params == {"depth": 3} and type(explorer_of(params)) is Own
    machine_file = tmp_path / "machine.json"
    section = machine("lmp")
    sections = dict.fromkeys(("train", "model_devi", "fp"), section)
    content = {"api_version": "1.0", "deepmd_version": "3.2.0", **sections}
    machine_file.write_text(json.dumps(content))
    context = RunContext.of(params, load_machines(machine_file, tmp_path), tmp_path)
    context.paths.iteration(0).mkdir()
    explorer_of(params).prepare(context, 0, [])
    assert type(explorer_that_made(context.paths, 0)) is Own
    state = first_state(params, context.machines, context.paths)
    assert not made_otherwise(context, replace(state, step=Step.RUN_EXPLORE))
    usual = replace(context, params=replace(params, engine="lammps"))
    assert made_otherwise(usual, replace(state, step=Step.RUN_EXPLORE))


def test_a_plugin_is_imported_when_it_is_used(tmp_path, added):
    sys.modules.pop("wtemlp_example.labeller", None)
    params = load_params(write(tmp_path), tmp_path)
    assert explorer_of(params).kind == "lammps"
    assert "wtemlp_example.labeller" not in sys.modules


def table(n: int = 40) -> FrameTable:
    rng = np.random.default_rng(3)
    verdict = np.arange(n) % 3
    return FrameTable(
        system=np.zeros(n, dtype=int),
        task=np.repeat([0, 1], n // 2),
        walker=np.zeros(n, dtype=int),
        biasfactor=np.full(n, 4.0),
        temperature_K=np.full(n, 300.0),
        phase=np.ones(n, dtype=int),
        step=np.tile(np.arange(n // 2) * 10, 2),
        energy_eV=rng.normal(size=n),
        bias_eV=np.zeros(n),
        max_devi_f=rng.uniform(size=n),
        decision=verdict,
        verdict=verdict,
    )


@pytest.mark.parametrize(
    "how", [Selection(), Selection(energy_bins=3), Selection(min_steps_apart=25)]
)
@pytest.mark.parametrize("kind", [ByDeviation, AtRandom])
def test_the_built_in_selectors_pass_the_checks(kind, how):
    testing.check_selector(kind(how), table())


def test_the_example_selector_passes_and_takes_the_highest_energies(added):
    found = plugins.load(plugins.SELECTORS, "hottest")(Selection())
    testing.check_selector(found, table())
    pool = table().where(np.flatnonzero(table().verdict == Decision.CANDIDATE))
    rows = found.pick(pool, 3, np.random.default_rng(0), lambda rows: [])
    assert set(rows) == set(np.argsort(pool.energy_eV)[-3:])


class Unseeded(ByDeviation):
    def pick(self, frames, n, rng, read):
        return np.random.default_rng().permutation(len(frames))[:n]


class Twice(ByDeviation):
    def pick(self, frames, n, rng, read):
        return np.zeros(min(n, len(frames)), dtype=int)


@pytest.mark.parametrize(("kind", "words"), [(Unseeded, "seed"), (Twice, "twice")])
def test_a_wrong_selector_is_found(kind, words):
    with pytest.raises(AssertionError, match=words):
        testing.check_selector(kind(Selection()), table())


def waters(n: int = 3, side: int = 2, box_A: float = 6.4) -> Frames:
    made = [water_box(side, box_A, seed=seed, shuffle=False) for seed in range(n)]
    coords = np.array([frame[1] for frame in made])
    cells = np.tile(box_A * np.eye(3), (n, 1, 1))
    return Frames(coords, cells, made[0][0], tuple(f"f{k}" for k in range(n)))


def copper(n: int = 2) -> Frames:
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(*[range(2)] * 3), -1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    lattice = 3.6 * (grid + basis).reshape(-1, 3)
    coords = lattice + rng.normal(scale=0.05, size=(n, len(lattice), 3))
    cells = np.tile(7.2 * np.eye(3), (n, 1, 1))
    types = np.array([0, 1] * (len(lattice) // 2))
    return Frames(coords, cells, types, tuple(f"f{k}" for k in range(n)))


def test_the_calculators_of_ase_pass_the_checks(tmp_path):
    labeller = AseCalculator(AseMethod("ase.calculators.emt.EMT", {}), ("Cu", "Au"))
    found = testing.check_labeller(labeller, copper(), tmp_path, sys.executable)
    assert found.virials is not None


def test_the_force_field_passes_the_checks(tmp_path):
    from tests.support.engines import require_engine

    require_engine("lammps")
    field = ForceField(cutoff_A=3.0, kspace_accuracy=1e-6)
    labeller = LammpsForceField(field, ("O", "H"))
    command = f"{sys.executable} -m wtemlp.lammps_plumed.lmp"
    found = testing.check_labeller(labeller, waters(), tmp_path, command)
    assert found.virials is not None


MISTAKES = {
    "force": "return found[0], 1.01 * found[1], found[2]",
    "sign": "return found[0], -found[1], found[2]",
    "order": "return found[0], found[1][::-1], found[2]",
    "unit": "return found[0] / 27.2114, found[1], found[2]",
    "virial": "return found[0], found[1], -found[2]",
}


@pytest.fixture
def spheres(tmp_path, added, monkeypatch):
    """Makes the example's labeller, with the end of :meth:`label` changed."""
    monkeypatch.setenv("PYTHONPATH", f"{EXAMPLE}:{tmp_path}")
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str = "", mistake: str = "return found"):
        module = f"spheres_{name or 'right'}"
        (tmp_path / f"{module}.py").write_text(
            "import numpy as np\nfrom wtemlp_example.labeller import SoftSpheres\n"
            "class Spheres(SoftSpheres):\n    def label(self, *of):\n"
            f"        found = super().label(*of)\n        {mistake}\n"
        )
        kind = __import__(module).Spheres
        return kind({"k": 2.0, "d": 2.0}, ("O", "H"))

    return make


def test_the_example_labeller_passes_the_checks(tmp_path, spheres):
    found = testing.check_labeller(spheres(), waters(), tmp_path / "jobs", sys.executable)
    assert (np.abs(found.forces) > 0.1).any()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_labeller_is_found(tmp_path, spheres, name):
    with pytest.raises(AssertionError):
        wrong = spheres(name, MISTAKES[name])
        testing.check_labeller(wrong, waters(), tmp_path / "jobs", sys.executable)
