"""Labels by force fields in LAMMPS's own words equal an evaluation of their own, written here."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.engines import engine_environment, require_engine
from tests.support.methanol import PLACES, methanol, opls
from wtemlp import testing
from wtemlp.config.keys.labels import DeepPotential, OwnForceField
from wtemlp.config.reference.force_fields import BY_NAME
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.md.dump import read_dump
from wtemlp.reference.base import Frames
from wtemlp.reference.lammps_ff import LammpsForceField

pytestmark = pytest.mark.engines

LMP = f"{sys.executable} -m wtemlp.lammps_plumed.lmp"


@pytest.fixture(autouse=True)
def _engine(monkeypatch):
    require_engine("lammps")
    for name, value in engine_environment().items():
        monkeypatch.setenv(name, value)


def crystal(cell, basis, symbols, repeat, type_map, n=2, scale=0.1, strain=0.0, seed=3):
    """Frames of a shaken crystal: the first two with one cell, more with strained ones."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[range(k) for k in repeat], indexing="ij"), -1).reshape(-1, 1, 3)
    places = (grid + np.asarray(basis)).reshape(-1, 3) / repeat
    cell = np.asarray(cell, float) * np.array(repeat)[:, None]
    cells = np.array([cell @ (np.eye(3) * (1 + strain * max(0, k - 1))) for k in range(n)])
    coords = places @ cells + rng.normal(scale=scale, size=(n, len(places), 3))
    names = list(symbols) * int(np.prod(repeat))
    types = np.array([type_map.index(name) for name in names])
    return Frames(coords, cells, types, tuple(f"f{k}" for k in range(n)))


def fcc(a, symbols, type_map, n=2, repeat=(2, 2, 2), **more):
    basis = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    return crystal(a * np.eye(3), basis, symbols, repeat, type_map, n, **more)


def label(folder, method, frames, type_map):
    labeller = LammpsForceField(method, type_map, Path(__file__).parent)
    task = labeller.prepare(folder / "batch", frames, LMP)
    subprocess.run(task.command, shell=True, cwd=task.folder, check=True, capture_output=True)
    return labeller.collect(task.folder, frames)


def evaluate(folder, head, atoms, cell, tail, n_types, origin=(0, 0, 0)):
    """A LAMMPS run of one frame: atoms by create_atoms, one after another, in a box of its own."""
    folder.mkdir(parents=True)
    (a, b, c), (x, y, z) = cell, origin
    shape = "prism" if np.tril(cell, -1).any() else "block"
    lines = [
        *head,
        "box tilt large",
        f"region box {shape} {x} {x + a[0]:.16g} {y} {y + b[1]:.16g} {z} {z + c[2]:.16g}"
        + f" {b[0]:.16g} {c[0]:.16g} {c[1]:.16g}" * (shape == "prism")
        + " units box",
        f"create_box {n_types} box",
        *[f"create_atoms {t} single {p[0]:.16g} {p[1]:.16g} {p[2]:.16g}" for t, p in atoms],
        "mass * 1.0",
        *tail,
        "dump 1 all custom 1 out id type x y z fx fy fz",
        "dump_modify 1 format float %.17g",
        "run 0",
        'print "$(pe:%.17g)" file energy',
    ]
    (folder / "in").write_text("\n".join(lines) + "\n")
    subprocess.run(f"{LMP} -in in", shell=True, cwd=folder, check=True, capture_output=True)
    return float((folder / "energy").read_text()), read_dump(folder / "out").forces[0]


def agree(labels, k, energy, forces):
    assert labels.ok[k], labels.reasons
    assert abs(labels.energies[k] - energy) <= 1e-6 * len(forces)
    assert np.abs(labels.forces[k] - forces).max() <= 1e-5


def wrapped(coords, cell):
    """Positions within the cell, where create_atoms takes them."""
    inside = coords @ np.linalg.inv(cell)
    return (inside - np.floor(inside)) @ cell


def test_copper_in_cells_of_many_sizes_is_one_system(tmp_path):
    """Strained cells of one job: by one `rerun`, and as each alone."""
    frames = fcc(3.615, ["Cu"] * 4, ("Cu",), n=4, strain=0.05)
    labels = label(tmp_path, BY_NAME["eam-copper"], frames, ("Cu",))
    script = (tmp_path / "batch/in.lammps").read_text()
    assert script.count("rerun") == 1 and "box yes" in script
    for k, cell in enumerate(frames.cells):
        atoms = [(1, p) for p in wrapped(frames.coords[k], cell)]
        tail = ["pair_style eam", "pair_coeff * * Cu_u3.eam"]
        found = evaluate(tmp_path / f"{k}", ["units metal"], atoms, cell, tail, 1)
        agree(labels, k, *found)
    assert np.isfinite(labels.virials).all()


def test_two_elements_in_a_triclinic_cell_in_another_order(tmp_path):
    """Types of the force field are Ni, Cu, those of the run Cu, Ni; and the cell is turned."""
    frames = alloy()
    types = frames.types
    labels = label(tmp_path, CUNI, frames, ("Cu", "Ni"))
    q, r = np.linalg.qr(frames.cells[0].T)
    signs = np.sign(np.diag(r))
    turn, lower = (q * signs), np.tril(r.T * signs)
    for k in range(2):
        atoms = [
            (2 - t, p) for t, p in zip(types, wrapped(frames.coords[k] @ turn, lower), strict=True)
        ]
        tail = ["pair_style eam/alloy", "pair_coeff * * CuNi.eam.alloy Ni Cu"]
        energy, forces = evaluate(tmp_path / f"{k}", ["units metal"], atoms, lower, tail, 2)
        agree(labels, k, energy, forces @ turn.T)


SALT = (
    "pair_style born/coul/long 7.0",
    "pair_coeff 1 1 0.263756 0.317 2.34 1.048580 -0.499368",
    "pair_coeff 1 2 0.211005 0.317 2.755 6.990532 -8.675826",
    "pair_coeff 2 2 0.158253 0.317 3.170 72.403057 -145.429009",
    "pair_modify shift yes",
    "kspace_style pppm 1e-7",
)


def salt(n=3, **more):
    """Sodium chloride; the last cell is strained."""
    basis = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    basis += [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [0.5, 0.5, 0.5]]
    symbols = ["Na"] * 4 + ["Cl"] * 4
    return crystal(5.64 * np.eye(3), basis, symbols, (2, 2, 2), ("Cl", "Na"), n, **more)


def test_charges_by_element_and_a_mesh_of_each_cell(tmp_path):
    own = OwnForceField(
        units="metal",
        atom_style="charge",
        lines=SALT,
        charges={"Na": 1.0, "Cl": -1.0},
        elements=("Na", "Cl"),
    )
    frames = salt(strain=0.03)
    labels = label(tmp_path, own, frames, ("Cl", "Na"))
    for k, cell in enumerate(frames.cells):
        atoms = [
            (2 - t, p) for t, p in zip(frames.types, wrapped(frames.coords[k], cell), strict=True)
        ]
        head = ["units metal", "atom_style charge"]
        tail = ["set type 1 charge 1", "set type 2 charge -1", *SALT]
        agree(labels, k, *evaluate(tmp_path / f"{k}", head, atoms, cell, tail, 2))


def test_a_slab_and_long_range_forces(tmp_path):
    """A slab that is cut by the face that is not periodic, in the frames."""
    lines = (*SALT, "kspace_modify slab 3.0")
    own = OwnForceField(
        units="metal",
        atom_style="charge",
        lines=lines,
        charges={"Na": 1.0, "Cl": -1.0},
        elements=("Na", "Cl"),
        boundary="p p f",
    )
    frames = salt(n=2)
    frames.cells[:, 2, 2] = 26.0
    whole = frames.coords.copy()
    frames.coords[:, :, 2] = (whole[:, :, 2] + 20.0) % 26.0
    labels = label(tmp_path, own, frames, ("Cl", "Na"))
    assert np.isnan(labels.virials).all()
    for k, cell in enumerate(frames.cells):
        places = whole[k].copy()
        places[:, 2] += 13.0 - (places[:, 2].min() + places[:, 2].max()) / 2
        places[:, :2] %= cell[0, 0]
        atoms = [(2 - t, p) for t, p in zip(frames.types, places, strict=True)]
        head = ["units metal", "atom_style charge", "boundary p p f"]
        tail = ["set type 1 charge 1", "set type 2 charge -1", *lines]
        agree(labels, k, *evaluate(tmp_path / f"{k}", head, atoms, cell, tail, 2))


def molecules(n, seed=4, n_frames=2, length=12.0):
    """Shaken molecules on a grid, those at the faces cut by them."""
    rng = np.random.default_rng(seed)
    at = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(2)][:n]) * 6.0
    places = (at[:, None] + PLACES).reshape(-1, 3)
    coords = places + rng.normal(scale=0.04, size=(n_frames, len(places), 3))
    types = np.array([("C", "H", "O").index(s) for s in ("C", "H", "H", "H", "O", "H") * n])
    cells = np.tile(length * np.eye(3), (n_frames, 1, 1))
    return coords, Frames(coords % length, cells, types, tuple(f"f{k}" for k in range(n_frames)))


def directly(folder, data, lines, boundary="p p p"):
    """LAMMPS on a data file that is written here."""
    folder.mkdir(parents=True)
    (folder / "data").write_text(data)
    styles = [line for line in lines if line.split()[0].endswith("style") or "special" in line]
    styles = [line for line in styles if not line.startswith("kspace")]
    script = ["units real", "atom_style full", f"boundary {boundary}", *styles, "read_data data"]
    script += [line for line in lines if line not in styles]
    script += ["dump 1 all custom 1 out id type x y z fx fy fz"]
    script += ["dump_modify 1 sort id format float %.17g", "run 0"]
    script += ['print "$(pe:%.17g)" file energy']
    (folder / "in").write_text("\n".join(script) + "\n")
    subprocess.run(f"{LMP} -in in", shell=True, cwd=folder, check=True, capture_output=True)
    energy = float((folder / "energy").read_text()) * KCAL_MOL_IN_EV
    return energy, read_dump(folder / "out").forces[0] * KCAL_MOL_IN_EV


def test_bonded_molecules_across_faces(tmp_path):
    """From the topology of one molecule; charges, long-range forces, 1-4 pairs in part."""
    lines = opls("pair_style lj/cut/coul/long 5.5", "kspace_style pppm 1e-7")
    (tmp_path / "one.data").write_text(methanol(PLACES))
    own = OwnForceField(
        units="real",
        atom_style="full",
        lines=tuple(lines),
        topology=(str(tmp_path / "one.data"),),
    )
    coords, frames = molecules(8)
    labels = label(tmp_path, own, frames, ("C", "H", "O"))
    for k in range(2):
        agree(labels, k, *directly(tmp_path / f"{k}", methanol(coords[k], 8), lines))


def test_a_molecule_in_vacuum(tmp_path):
    """Cut by faces of a cell that has no meaning; no virial."""
    lines = opls("pair_style lj/cut/coul/cut 50.0")
    (tmp_path / "one.data").write_text(methanol(PLACES))
    own = OwnForceField(
        units="real",
        atom_style="full",
        lines=tuple(lines),
        topology=(str(tmp_path / "one.data"),),
        boundary="f f f",
    )
    coords, frames = molecules(1)
    labels = label(tmp_path, own, frames, ("C", "H", "O"))
    assert np.isnan(labels.virials).all()
    for k in range(2):
        data = methanol(coords[k] + 6.0)
        agree(labels, k, *directly(tmp_path / f"{k}", data, lines, "f f f"))


def test_a_frame_that_the_topology_does_not_fit_is_refused(tmp_path):
    (tmp_path / "one.data").write_text(methanol(PLACES))
    own = OwnForceField(
        units="real",
        atom_style="full",
        lines=tuple(opls("pair_style lj/cut/coul/cut 5.0")),
        topology=(str(tmp_path / "one.data"),),
    )
    _, frames = molecules(1)
    frames.coords[1, 5] += 3.0
    labels = label(tmp_path, own, frames, ("C", "H", "O"))
    assert labels.ok.tolist() == [True, False] and labels.refused.tolist() == [False, True]
    assert "atoms 5 (O) and 6 (H) are bonded in the topology, and" in labels.reasons[1]
    others = Frames(frames.coords[:, ::-1], frames.cells, frames.types[::-1], frames.names)
    labels = label(tmp_path, own, others, ("C", "H", "O"))
    assert labels.reasons[0] == (
        "its 6 atoms are not those of the topology (one.data) in their order: atom 1 is H, and "
        "one.data has C there"
    )


def test_silicon_and_coarse_water(tmp_path):
    """Force fields by name, whose files LAMMPS ships or wtemlp has."""
    basis = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    basis += [[a + 0.25, b + 0.25, c + 0.25] for a, b, c in basis]
    for name, element, a, unit in (("sw-silicon", "Si", 5.43, 1), ("mw", "O", 6.4, KCAL_MOL_IN_EV)):
        frames = crystal(a * np.eye(3), basis, [element] * 8, (2, 2, 2), (element,))
        labels = label(tmp_path / name, BY_NAME[name], frames, (element,))
        assert labels.ok.all(), labels.reasons
        if name == "mw":  # ice Ic at 1 g/cm3 or so: tetrahedral, about -12 kcal/mol a molecule
            perfect = crystal(6.36 * np.eye(3), basis, ["O"] * 8, (2, 2, 2), ("O",), scale=0.0)
            found = label(tmp_path / "ice", BY_NAME[name], perfect, ("O",)).energies[0] / 64
            assert found / unit == pytest.approx(-12.0, abs=0.5)
        else:
            perfect = crystal(5.4309 * np.eye(3), basis, ["Si"] * 8, (2, 2, 2), ("Si",), scale=0.0)
            found = label(tmp_path / "si", BY_NAME[name], perfect, ("Si",)).energies[0] / 64
            assert found == pytest.approx(-4.3366, abs=1e-3)  # Stillinger and Weber, fitted


def test_charges_that_a_fix_finds_are_a_part_of_the_force_field(tmp_path):
    """ReaxFF with charge equilibration, which ``fixes`` asks for."""
    require_engine("lammps")
    coeff = "pair_coeff * * ffield.reax.cho C H O"
    fix = "fix q all qeq/reaxff 1 0.0 10.0 1e-8 reaxff"
    own = OwnForceField(
        units="real",
        atom_style="charge",
        lines=("pair_style reaxff NULL", coeff),
        charges={"C": 0.0, "H": 0.0, "O": 0.0},
        fixes=(fix,),
    )
    _, frames = molecules(4)
    labels = label(tmp_path, own, frames, ("C", "H", "O"))
    for k, cell in enumerate(frames.cells):
        atoms = [(t + 1, p) for t, p in zip(frames.types, frames.coords[k], strict=True)]
        head = ["units real", "atom_style charge"]
        tail = ["pair_style reaxff NULL", coeff, fix]
        energy, forces = evaluate(tmp_path / f"{k}", head, atoms, cell, tail, 3)
        agree(labels, k, energy * KCAL_MOL_IN_EV, forces * KCAL_MOL_IN_EV)


CUNI = OwnForceField(
    units="metal",
    lines=("pair_style eam/alloy", "pair_coeff * * CuNi.eam.alloy Ni Cu"),
    elements=("Ni", "Cu"),
)
REAXFF = OwnForceField(
    units="real",
    atom_style="charge",
    lines=("pair_style reaxff NULL", "pair_coeff * * ffield.reax.cho C H O"),
    charges={"C": 0.0, "H": 0.0, "O": 0.0},
    fixes=("fix q all qeq/reaxff 1 0.0 10.0 1e-10 reaxff",),
)


def alloy(vacuum_A=0.0):
    """Copper and nickel in a triclinic cell, turned; a slab of them across a face, with vacuum."""
    if vacuum_A:
        frames = fcc(3.55, ["Cu", "Ni", "Cu", "Ni"], ("Cu", "Ni"), repeat=(3, 3, 2))
        cells = frames.cells + np.diag([0, 0, vacuum_A])
        coords = frames.coords + [0, 0, vacuum_A + 5.0]
        return Frames(coords, cells, frames.types, frames.names)
    cell = [[0, 1.85, 1.85], [1.8, 0, 1.8], [1.75, 1.75, 0]]
    frames = crystal(cell, [[0, 0, 0]], ["Cu"], (3, 3, 3), ("Cu", "Ni"))
    return Frames(frames.coords, frames.cells, np.arange(27) % 2, frames.names)


@pytest.mark.parametrize("kind", ["triclinic", "vacuum", "slab", "reaxff", "molecule"])
def test_other_systems_pass_the_checks_of_labellers(tmp_path, kind):
    """Two elements, cells that are tilted and turned, vacuum, atoms across faces."""
    type_map, tolerance, images = ("Cu", "Ni"), testing.FORCE_TOLERANCE, True
    if kind in ("triclinic", "vacuum"):
        method, frames = CUNI, alloy(12.0 * (kind == "vacuum"))
    elif kind == "slab":
        type_map, frames, tolerance = ("Cl", "Na"), salt(n=2), 1e-2
        frames.cells[:, 2, 2] = 26.0
        frames.coords[:, :, 2] = (frames.coords[:, :, 2] + 20.0) % 26.0
        method = OwnForceField(
            units="metal",
            atom_style="charge",
            lines=(*SALT[:-1], "kspace_style ewald 1e-10", "kspace_modify slab 3.0"),
            charges={"Na": 1.0, "Cl": -1.0},
            elements=("Na", "Cl"),
            boundary="p p f",
        )
    elif kind == "reaxff":
        type_map, method, frames = ("C", "H", "O"), REAXFF, molecules(4)[1]
    else:
        (tmp_path / "one.data").write_text(methanol(PLACES))
        type_map, frames, images = ("C", "H", "O"), molecules(1)[1], False
        method = OwnForceField(
            units="real",
            atom_style="full",
            lines=tuple(opls("pair_style lj/cut/coul/cut 50.0")),
            topology=(str(tmp_path / "one.data"),),
            boundary="f f f",
        )
    labeller = LammpsForceField(method, type_map, tmp_path)
    folder = tmp_path / "checks"
    found = testing.check_labeller(
        labeller, frames, folder, LMP, tolerance=tolerance, images=images
    )
    assert np.isnan(found.virials).all() == (kind in ("slab", "molecule"))


@pytest.mark.parametrize("kind", ["copper", "salt", "methanol"])
def test_they_pass_the_checks_of_labellers(tmp_path, kind):
    if kind == "copper":
        method, type_map = BY_NAME["eam-copper"], ("Cu",)
        frames = fcc(3.615, ["Cu"] * 4, type_map)
    elif kind == "salt":
        type_map, frames = ("Cl", "Na"), salt(n=2)
        method = OwnForceField(
            units="metal",
            atom_style="charge",
            lines=(*SALT[:-1], "kspace_style ewald 1e-10"),  # a mesh's energy is too coarse
            charges={"Na": 1.0, "Cl": -1.0},
            elements=("Na", "Cl"),
        )
    else:
        (tmp_path / "one.data").write_text(methanol(PLACES))
        lines = opls("pair_style lj/cut/coul/long 5.5", "kspace_style pppm 1e-7")
        method = OwnForceField(
            units="real",
            atom_style="full",
            lines=tuple(lines),
            topology=(str(tmp_path / "one.data"),),
        )
        type_map, frames = ("C", "H", "O"), molecules(8)[1]
    labeller = LammpsForceField(method, type_map, tmp_path)
    # Pairs of ions cross the cut-off when the cell is strained.
    tolerance = 1e-2 if kind == "salt" else testing.FORCE_TOLERANCE
    testing.check_labeller(labeller, frames, tmp_path / "checks", LMP, tolerance=tolerance)


def test_a_frozen_model_is_a_reference(tmp_path, run):
    """Its labels are those of DeePMD-kit's own Python interface."""
    require_engine("deepmd")
    model = next(run.folder.glob("iter.*/00.train/graph.000.pb")).resolve()
    teacher = tmp_path / "teacher.pb"
    teacher.write_bytes(model.read_bytes())
    conf = sorted((run.folder / "init").rglob("set.000"))[0]
    coords, boxes = np.load(conf / "coord.npy")[:2], np.load(conf / "box.npy")[:2]
    types = np.loadtxt(conf.parent / "type.raw", dtype=int)
    names = (conf.parent / "type_map.raw").read_text().split()
    coords, cells = coords.reshape(2, -1, 3).astype(float), boxes.reshape(2, 3, 3).astype(float)
    frames = Frames(coords, cells, types, ("a", "b"))
    labels = label(tmp_path, DeepPotential(str(teacher)), frames, tuple(names))
    script = (
        "import numpy as np, sys; from deepmd.infer import DeepPot; d = np.load(sys.argv[2]);"
        "p = DeepPot(sys.argv[1]); m = p.get_type_map(); t = [m.index(str(n)) for n in d['n']];"
        "e, f, v = p.eval(d['c'].reshape(2, -1), d['b'].reshape(2, -1), t)[:3];"
        "np.savez('out.npz', e=e, f=f, v=v)"
    )
    symbols = [names[t] for t in types]
    np.savez(tmp_path / "in.npz", c=coords, b=cells, n=symbols)
    command = [sys.executable, "-c", script, str(teacher), str(tmp_path / "in.npz")]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    found = np.load(tmp_path / "out.npz")
    for k in range(2):
        agree(labels, k, float(found["e"][k].sum()), found["f"][k])
    labeller = LammpsForceField(DeepPotential(str(teacher)), tuple(names), tmp_path)
    # A model in single precision in its networks' input: the slope is as good as that.
    testing.check_labeller(labeller, frames, tmp_path / "checks", LMP, tolerance=1e-2)
    assert labels.virials.reshape(2, 9) == pytest.approx(found["v"], abs=1e-4)
