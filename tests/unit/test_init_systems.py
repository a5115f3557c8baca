"""Init files of any systems: which are read, what they start from, and what is done with them."""

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from tests.support.engines import require_engine
from wtemlp.config.init_params import load_init_params
from wtemlp.config.init_runs import planned_runs
from wtemlp.core.atomic_io import write_json
from wtemlp.core.errors import InputError
from wtemlp.initialize.checks import begun_with, check_init
from wtemlp.initialize.copies import make_copies, plan_copies
from wtemlp.initialize.packmol import Molecules
from wtemlp.initialize.structure import SystemStart, build, edge_A, molecules_of
from wtemlp.records.init_result import PARAMETERS

NPT = {"ensemble": "npt", "temperature_K": 1200, "steps": 1000, "frames": 5}
WTE = {**NPT, "wte": {"biasfactor": [4, 16], "height": 1, "pace": 20}}
CRYSTAL = {"bulk": "Cu", "crystal": "fcc", "a_A": 3.615, "supercell": [2, 2, 2]}
SYSTEM = {"name": "crystal", "structure": CRYSTAL, "minimize": True, "runs": [NPT, WTE]}
COPPER = {
    "_comment": "dropped",
    "seed": 3,
    "type_map": ["Cu"],
    "fp_style": "lammps",
    "fp_params": {"force_field": "eam-copper"},
    "timestep_fs": 2,
    "systems": [SYSTEM],
}
WATER_MAP = {"type_map": ["O", "H"], "fp_params": {"force_field": "tip3p-flexible"}}


def load(root: Path, changes=None, system=None, **structure):
    """Write an init file and load it."""
    one = SYSTEM | (system or {})
    if structure:
        one = one | {"structure": structure}
    content = COPPER | {"systems": [one]} | (changes or {})
    (root / "init.json").write_text(json.dumps(content))
    return load_init_params(root / "init.json", root)


def start(root, changes=None, **structure):
    params = load(root, changes, {"runs": [NPT]}, **structure)
    return build(params, params.systems[0], root, seed=5)


def test_a_file_becomes_its_record(tmp_path):
    params = load(tmp_path)
    (system,) = params.systems
    assert (params.seed, params.timestep_fs, params.starting_structures) == (3, 2.0, 2)
    assert params.water is None and system.minimize and system.copies.lengths == (0.93, 1.35)
    unbiased, biased = system.runs
    assert unbiased.temperatures_K == (1200.0,) and unbiased.bias is None
    assert biased.bias.biasfactors == (4.0, 16.0) and biased.bias.height_kT == 1.0


@pytest.mark.parametrize(("elements", "fs"), [(["C", "H"], 0.5), (["Cu"], 1.0)])
def test_the_time_step_is_short_where_there_is_hydrogen(tmp_path, elements, fs):
    style = {"fp_style": "ase", "fp_params": {"calculator": "emt"}, "timestep_fs": None}
    changes = {"type_map": elements, **style}
    content = COPPER | changes | {"systems": [SYSTEM | {"structure": {"bulk": "Cu"}}]}
    del content["timestep_fs"]
    (tmp_path / "init.json").write_text(json.dumps(content))
    assert load_init_params(tmp_path / "init.json", tmp_path).timestep_fs == fs


def test_runs_start_where_they_should(tmp_path):
    ladder = {**NPT, "temperature_K": [600, 1200]}
    strained = {"temperature_K": 300, "steps": 1000, "lengths": [0.97, 1, 1.03]}
    params = load(tmp_path, system={"runs": [ladder, WTE, strained]})
    found = {
        run.name: run.start.name if run.start else None for run in planned_runs(params.systems[0])
    }
    assert found == {
        "minimized": None,
        "00.npt.600K": "minimized",
        "00.npt.1200K": "minimized",
        "01.npt.1200K.g4": "00.npt.1200K",
        "01.npt.1200K.g16": "00.npt.1200K",
        "02.nvt.300K.l0.97": "00.npt.1200K",
        "02.nvt.300K": "00.npt.1200K",
        "02.nvt.300K.l1.03": "00.npt.1200K",
    }


WRONG = [
    ({}, {"structure": {}}, "systems[0].structure.file is missing; give one of file, bulk"),
    ({}, {"structure": {**CRYSTAL, "molecule": "H2O"}}, "give one of file, bulk, molecule"),
    ({}, {"structure": {"bulk": "Cu", "density_g_cm3": 2}}, "goes with mixture: remove it"),
    ({}, {"structure": {"bulk": "Cu", "layers": 7}}, "is of a slab: give miller, too"),
    ({}, {"structure": {"bulk": "Cu", "supercell": [2, 2]}}, "must be three integers, as [2, 2"),
    ({}, {"structure": {"bulk": "Cu", "supercell": [2, 0, 2]}}, "supercell[1] = 0; must be"),
    ({}, {"structure": {"file": "POSCAR"}}, "no such file in"),
    ({}, {"structure": {"mixture": [{"count": 3}]}}, "give molecule or file with it"),
    ({}, {"name": "a/b"}, "must be the name of a folder"),
    ({}, {"runs": [], "minimize": False}, "runs is missing; give runs with frames, or copies"),
    ({}, {"runs": [WTE]}, "put an unbiased npt run at 1200 K before it"),
    ({}, {"runs": [NPT | {"temperature_K": 1100}, WTE]}, "an unbiased npt run at 1200 K before"),
    ({}, {"runs": [NPT | {"ensemble": "nvt"}, WTE]}, "put an unbiased npt run at 1200 K before"),
    ({}, {"runs": [NPT | {"ensemble": "nve"}]}, 'must be "nvt" or "npt"'),
    ({}, {"runs": [NPT | {"frames": 800}]}, "frames = 800; steps (1000) gives at most 750"),
    ({}, {"runs": [NPT | {"lengths": [1.1]}]}, "the pressure makes the cell: remove it"),
    ({}, {"runs": [NPT | {"npt_steps": 10}]}, 'goes before "ensemble": "nvt": remove it'),
    ({}, {"runs": [NPT | {"steps": 20, "frames": 1}]}, "steps = 20; must be 100 or more"),
    ({}, {"runs": [NPT | {"wte": {"biasfactor": 1}}]}, "1 is no bias: leave wte out"),
    ({}, {"runs": [NPT | {"wte": {"biasfactor": 4, "method": "opes"}}]}, "a window of temperat"),
    ({}, {"copies": {"lengths": [1.3, 0.9]}}, "must be two numbers, the smaller one first"),
    ({}, {"copies": {"lengths": [0.1, 0.9]}}, "lengths[0] = 0.1; must be"),
    ({"systems": []}, {}, "systems = []; must have one system or more"),
    ({"systems": [SYSTEM, SYSTEM]}, {}, "is given twice: it is the name of a folder"),
    ({"fp_params": {"force_field": "sw-silicon"}}, {}, "does not know Cu"),
    ({"fp_style": "lamps"}, {}, 'did you mean "lammps"?'),
    ({"n_molecules": 12}, {}, "unknown key"),
    ({"timestep_fs": 50}, {}, "must be 10 or less: it is in fs"),
]


@pytest.mark.parametrize(
    ("changes", "system", "part"), WRONG, ids=[f"{k:02d}" for k in range(len(WRONG))]
)
def test_wrong_input_is_one_line(tmp_path, changes, system, part):
    with pytest.raises(InputError) as caught:
        load(tmp_path, changes, system)
    line = str(caught.value)
    assert line.startswith("init.json: ") and part in line
    assert [file.name for file in tmp_path.iterdir()] == ["init.json"]


# -- structures


def test_a_crystal_is_a_supercell_in_lammps_orientation(tmp_path):
    made = start(tmp_path, bulk="Cu", crystal="fcc", a_A=3.6, supercell=[2, 1, 3])
    one = made.structure
    assert made.periodic and one.n_atoms == 24
    assert one.cell == pytest.approx(np.diag([7.2, 3.6, 10.8]))


def test_a_primitive_cell_of_a_file_is_turned(tmp_path):
    ase.io.write(tmp_path / "POSCAR", bulk("Cu", "fcc", 3.6), format="vasp")
    made = start(tmp_path, file="POSCAR", supercell=[2, 2, 2]).structure
    assert made.n_atoms == 8 and np.triu(made.cell, 1) == pytest.approx(0)
    assert np.linalg.det(made.cell) == pytest.approx(8 * 3.6**3 / 4)


def test_formats_of_ase_and_of_dpdata_are_read(tmp_path):
    atoms = bulk("Cu", "fcc", 3.6, cubic=True)
    ase.io.write(tmp_path / "a.cif", atoms)
    ase.io.write(tmp_path / "a.vasp", atoms, format="vasp")
    for spec in ({"file": "a.cif"}, {"file": "a.vasp", "format": "vasp/poscar"}):
        assert start(tmp_path, **spec).structure.cell == pytest.approx(np.eye(3) * 3.6)


def test_a_slab_has_vacuum_on_both_sides(tmp_path):
    made = start(
        tmp_path, bulk="Cu", a_A=3.6, crystal="fcc", miller=[1, 1, 1], layers=3, vacuum_A=6
    )
    z = made.structure.coords[:, 2]
    thickness = z.max() - z.min()
    assert thickness == pytest.approx(2 * 3.6 / np.sqrt(3), abs=0.01)
    assert made.structure.cell[2, 2] == pytest.approx(thickness + 12.0, abs=0.01)


def test_a_molecule_is_alone_in_its_cell(tmp_path):
    changes = {
        "type_map": ["C", "H", "O"],
        "fp_style": "ase",
        "fp_params": {"calculator": "gfn2"},
    }
    made = start(tmp_path, changes, molecule="CH3CH2OH")
    assert not made.periodic and made.structure.n_atoms == 9
    inside = made.structure.coords
    assert inside.min() > 10 and (np.diag(made.structure.cell) - inside.max(axis=0)).min() > 10
    with pytest.raises(InputError, match='"CH3CH2OHH" is not in the collection of ASE; did you'):
        start(tmp_path, changes, molecule="CH3CH2OHH")


def test_an_element_that_type_map_lacks(tmp_path):
    with pytest.raises(InputError, match="which type_map lacks"):
        start(tmp_path, bulk="Ag")


def test_a_structure_survives_being_kept(tmp_path):
    made = start(tmp_path, bulk="Cu", a_A=3.6)
    made.save(tmp_path / "one.json")
    kept = SystemStart.load(tmp_path / "one.json")
    assert np.array_equal(kept.structure.coords, made.structure.coords)
    assert np.array_equal(kept.structure.cell, made.structure.cell)
    assert kept.periodic and kept.structure.elements == ("Cu",)


def test_a_mixture_has_the_density_that_is_asked_for(tmp_path):
    require_engine("packmol")
    parts = [{"molecule": "H2O", "count": 8}]
    made = start(tmp_path, WATER_MAP, mixture=parts, density_g_cm3=0.9)
    volume_cm3 = np.linalg.det(made.structure.cell) * 1e-24
    assert 8 * 18.015 * 1.66054e-24 / volume_cm3 == pytest.approx(0.9, rel=1e-3)
    assert made.structure.symbols[:3] == ("O", "H", "H")
    assert len(molecules_of(made.structure, True)) == 8


def test_a_box_that_cannot_be_filled_is_one_line(tmp_path):
    require_engine("packmol")
    with pytest.raises(InputError, match=r"density_g_cm3.*40 cannot be had.*give a lower one"):
        start(tmp_path, WATER_MAP, mixture=[{"molecule": "H2O", "count": 4}], density_g_cm3=40)


def test_the_edge_of_a_box_of_copper():
    copper = [Molecules(("Cu",), np.zeros((1, 3)), 4)]
    assert edge_A(copper, 8.92, {"Cu": 63.546}) == pytest.approx(3.617, abs=0.002)


def test_a_box_of_beads_has_the_density_of_their_masses(tmp_path):
    require_engine("packmol")
    mw = {"fp_style": "lammps", "fp_params": {"force_field": "mw"}, "type_map": ["O"]}
    one = start(tmp_path, mw, mixture=[{"molecule": "O", "count": 8}], density_g_cm3=0.9)
    volume_A3 = 8 * 18.01528 / 0.9 * 1.66053906892
    assert np.linalg.det(one.structure.cell) == pytest.approx(volume_A3, rel=1e-4)


# -- copies


def copies_of(root, copies, runs=(NPT,), **structure):
    params = load(root, None, {"copies": copies, "runs": list(runs)}, **structure)
    system = params.systems[0]
    made = build(params, system, root, seed=1)
    plan = plan_copies(system, made, by_dft=False)
    return made, plan, make_copies(made.structure, made.periodic, plan, system.copies, seed=7)


def test_copies_are_moved_and_strained_as_asked_and_by_the_seed(tmp_path):
    asked = {"perturbed": 4, "amplitude_A": 0.1, "strain": 0.02, "n_lengths": 0}
    made, _, (coords, cells, names) = copies_of(tmp_path, asked, **CRYSTAL)
    assert coords.shape == (4, 32, 3) and len(names) == 4
    assert np.triu(cells, 1) == pytest.approx(0)
    edges = np.linalg.norm(cells, axis=2) / np.linalg.norm(made.structure.cell, axis=1)
    assert 0 < np.abs(edges - 1).max() < 0.025
    inside = coords @ np.linalg.inv(cells)
    ideal = made.structure.coords @ np.linalg.inv(made.structure.cell)
    shifts = (inside - ideal) @ made.structure.cell
    assert 0.05 < np.abs(shifts).max() < 0.11 * 1.1
    again = copies_of(tmp_path, asked, **CRYSTAL)[2]
    assert np.array_equal(again[0], coords)


def test_where_the_pressure_is_held_sparse_cells_and_atoms_come_by_themselves(tmp_path):
    made, plan, (_, cells, _) = copies_of(tmp_path, {}, **CRYSTAL)
    lengths = cells[:, 0, 0] / made.structure.cell[0, 0]
    assert len(lengths) == 15 and lengths[[0, -1]] == pytest.approx([0.93, 1.35])
    assert plan.single_atoms == ("Cu",)
    nvt = NPT | {"ensemble": "nvt"}
    _, plan, (coords, _, _) = copies_of(tmp_path, {}, [nvt], **CRYSTAL)
    assert len(coords) == 0 and plan.single_atoms == ()


def test_molecules_keep_their_shape_in_strained_copies(tmp_path):
    box = Atoms("OH2" * 2, np.zeros((6, 3)), cell=np.eye(3) * 8, pbc=True)
    one = np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    box.positions = np.concatenate([one + [0.2, 4, 4], one + [7.9, 1, 1]])  # across a face
    ase.io.write(tmp_path / "box.extxyz", box)
    params = load(
        tmp_path,
        WATER_MAP,
        {"runs": [NPT], "copies": {"amplitude_A": 0.0}},
        file="box.extxyz",
    )
    system = params.systems[0]
    made = build(params, system, tmp_path, seed=1)
    plan = plan_copies(system, made, by_dft=False)
    assert plan.single_atoms == ()  # an atom of a molecule is none of the liquid's
    coords, cells, _ = make_copies(made.structure, True, plan, system.copies, seed=1)
    for positions, cell in zip(coords, cells, strict=True):
        for oxygen in (0, 3):
            bonds = positions[oxygen + 1 : oxygen + 3] - positions[oxygen]
            bonds -= np.rint(bonds @ np.linalg.inv(cell)) @ cell
            assert np.linalg.norm(bonds, axis=1) == pytest.approx([0.96, 0.9605], abs=1e-3)


# -- hills


def test_pace_and_height_may_be_chosen_as_in_a_parameter_file(tmp_path):
    auto = {**NPT, "wte": {"biasfactor": [4, 16], "pace": "auto"}}
    bias = load(tmp_path, system={"runs": [NPT, auto]}).systems[0].runs[1].bias
    assert (bias.pace, bias.height_kT) == (None, None)
    auto["wte"]["height"] = 1
    bias = load(tmp_path, system={"runs": [NPT, auto]}).systems[0].runs[1].bias
    assert (bias.pace, bias.height_kT) == (None, 1.0)


WINDOW = {"biasfactor": {"window_K": [900, 2000]}, "method": "opes"}
TOO_SHORT = {**NPT, "wte": {**WINDOW, "pace": 100}}


@pytest.mark.parametrize(
    ("run", "part"),
    [
        (TOO_SHORT, "steps = 1000; must be 6000 or more: OPES begins with unbiased steps"),
        ({**NPT, "wte": {**WINDOW, "pace": "auto"}}, '"opes" has no hills: give a number'),
        ({**NPT, "wte": {"biasfactor": 4, "pace": "fast"}}, 'must be "auto" or an integer'),
    ],
)
def test_hills_that_cannot_be_are_one_line(tmp_path, run, part):
    with pytest.raises(InputError) as caught:
        load(tmp_path, system={"runs": [NPT, run]})
    assert part in str(caught.value) and "\n" not in str(caught.value)


# -- files


@pytest.mark.parametrize("name", ["start.xyz", "lines.dat", "own.eam.alloy", "own.lammps"])
def test_a_file_that_has_changed_since_the_folder_was_begun_is_noticed(tmp_path, name):
    """Also where what it said is kept, as structures are: nobody would know what they are of."""
    ase.io.write(tmp_path / "start.xyz", bulk("Cu", "fcc", 3.6, cubic=True))
    (tmp_path / "lines.dat").write_text("d: DISTANCE ATOMS=1,2\n")
    (tmp_path / "own.eam.alloy").write_text("a potential\n")
    commands = "pair_style eam/alloy\npair_coeff * * own.eam.alloy Cu\n"
    (tmp_path / "own.lammps").write_text(commands)
    own = {"units": "metal", "file": "own.lammps"}
    biased = {**NPT, "wte": {"biasfactor": 4, "plumed": "lines.dat"}}
    system = {"structure": {"file": "start.xyz"}, "runs": [NPT, biased]}
    changes = {"fp_params": {"force_field": own}}
    params = load(tmp_path, changes, system)
    (tmp_path / "init").mkdir()
    write_json(tmp_path / "init" / PARAMETERS, begun_with(params, tmp_path))
    assert check_init(params, tmp_path)
    with (tmp_path / name).open("a") as file:
        file.write("# another\n" if name != "start.xyz" else "4\n\n" + "Cu 0 0 0\n" * 4)
    params = load(tmp_path, changes, system)
    with pytest.raises(InputError, match=r"was begun with other files \(.*, was .*put them back"):
        check_init(params, tmp_path)


# -- what cannot be done


def test_dft_alone_samples_nothing(tmp_path):
    style = {"fp_style": "vasp", "fp_pp_path": ".", "fp_pp_files": ["INCAR"], "fp_incar": "INCAR"}
    (tmp_path / "INCAR").write_text("ENCUT = 400\n")
    changes = {**style, "fp_params": None}
    content = COPPER | changes
    del content["fp_params"]
    (tmp_path / "init.json").write_text(json.dumps(content))
    params = load_init_params(tmp_path / "init.json", tmp_path)
    with pytest.raises(InputError, match='fp_style vasp does no MD; give "sampler"'):
        check_init(params, tmp_path)
    sampled = {"sampler": {"fp_style": "ase", "fp_params": {"calculator": "emt"}}}
    (tmp_path / "init.json").write_text(json.dumps(content | sampled))
    (plan,) = check_init(load_init_params(tmp_path / "init.json", tmp_path), tmp_path)
    assert plan.params.fp_style == "vasp" and "pair_style zero" in plan.input.lines


def test_a_molecule_has_no_pressure(tmp_path):
    changes = {"type_map": ["O", "H"], "fp_style": "ase", "fp_params": {"calculator": "gfn2"}}
    params = load(tmp_path, changes, {"runs": [NPT]}, molecule="H2O")
    with pytest.raises(InputError, match=r"runs\[0\]: a molecule alone has no cell"):
        check_init(params, tmp_path)


def test_a_charge_goes_with_a_calculator(tmp_path):
    with pytest.raises(InputError, match="charge: fp_style lammps takes none"):
        check_init(load(tmp_path, system={"charge": 1}), tmp_path)
    changes = {"fp_style": "ase", "fp_params": {"calculator": "emt"}}
    (plan,) = check_init(load(tmp_path, changes, {"charge": -1, "spin": 2}), tmp_path)
    assert (plan.params.reference.charge, plan.params.reference.spin) == (-1, 2)


@pytest.mark.parametrize(("ensemble", "refused"), [("npt", True), ("nvt", False)])
def test_rigid_water_has_no_bias_at_constant_pressure(tmp_path, ensemble, refused):
    changes = {
        "type_map": ["O", "H"],
        "fp_params": {"force_field": "tip3p-flexible"},
        "sampler": {"fp_style": "lammps", "fp_params": {"force_field": "tip3p-rigid"}},
    }
    mixture = [{"molecule": "H2O", "count": 8}]
    runs = [one | {"ensemble": ensemble} for one in (NPT, WTE)]
    system = {"structure": {"mixture": mixture}, "runs": runs, "minimize": False}
    if not refused:
        assert load(tmp_path, changes, system).systems[0].runs[1].bias is not None
        return
    with pytest.raises(
        InputError, match=r"runs\[1\]\.wte .*not at constant pressure with tip3p-rigid"
    ):
        load(tmp_path, changes, system)


WATER_DATA = (
    "LAMMPS\n\n3 atoms\n2 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\nAtoms # atomic\n\n"
    "1 1 1 1 1\n2 2 1.96 1 1\n3 2 0.76 1.93 1\n"
)
WATER_DUMP = (
    "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n3\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n"
    "ITEM: ATOMS id type x y z\n1 1 1 1 1\n2 2 1.96 1 1\n3 2 0.76 1.93 1\n"
)


@pytest.mark.parametrize(
    ("fmt", "text"),
    [
        ("lammps-data", WATER_DATA),
        ("lammps/lmp", WATER_DATA),
        ("lammps-dump-text", WATER_DUMP),
        ("auto", WATER_DUMP),
    ],
)
def test_types_of_lammps_are_no_atomic_numbers(tmp_path, fmt, text):
    """As ASE takes them where a file tells no elements: they would be hydrogen and helium."""
    (tmp_path / "a.lammpstrj").write_text(text)
    made = start(tmp_path, WATER_MAP, file="a.lammpstrj", format=fmt)
    assert made.structure.symbols == ("O", "H", "H")


def test_a_file_that_ase_would_misread_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "a.pdb").write_text(
        "".join(f"ATOM  {k:5d}  HO  MOL A   1    {k:8.3f}{0:8.3f}{0:8.3f}\n" for k in (1, 2))
    )
    said = r"an atom HO in MOL, which may be H or Ho; call atoms by their elements"
    with pytest.raises(InputError, match=said):
        start(tmp_path, {"type_map": ["Cu"]}, file="a.pdb")
