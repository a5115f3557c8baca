"""References in parameter files: what goes through, and one line for what does not."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.support.params import GOOD, load
from tests.support.validation_jobs import make
from wtemlp.config.keys.labels import AseMethod, DeepPotential, ForceField, OwnForceField
from wtemlp.config.reference import force_fields
from wtemlp.config.reference.frozen_model import type_map_of
from wtemlp.core.errors import InputError
from wtemlp.reference.sampler import in_words, sampler_of, sampler_section
from wtemlp.structures.topology import compose, read_topology

LINES = ["pair_style lj/cut 5.0", "pair_coeff * * 0.01 2.8"]
OWN = {"units": "metal", "lines": LINES}


def lammps(**changes):
    return {"fp_style": "lammps", "fp_params": {"force_field": {**OWN, **changes}}}


def complaint(root, block):
    """What is said of a parameter file with another reference, and of its files."""
    content = json.loads(json.dumps({**GOOD, **block}))
    with pytest.raises(InputError) as caught:
        load(root, content)
    return str(caught.value)


def test_a_reference_is_one_record_and_does_md_too(root):
    params = load(root, {**GOOD, **lammps()})
    assert params.reference == params.sampler == OwnForceField("metal", lines=tuple(LINES))
    assert in_words(params.sampler) == LINES[0]


def test_what_samples_may_be_another(root):
    block = {"sampler": {"fp_style": "lammps", "fp_params": {"force_field": "spce"}}}
    params = load(root, {**GOOD, **block})
    assert params.sampler == ForceField("spce", 9.0, 1e-5) and params.reference != params.sampler
    assert "sampler" not in params.jdata
    block = {"sampler": {"fp_style": "ase", "fp_params": {"calculator": "gfn2", "charge": 1}}}
    params = load(root, {**GOOD, **block})
    assert params.sampler == AseMethod("gfn2", {}, charge=1.0)


def test_dft_does_no_md_unless_something_else_samples(root):
    dft = {"fp_style": "gaussian", "fp_params": {"keywords": "force b3lyp/6-31g*", "nproc": 1}}
    params = load(root, {**GOOD, **dft})
    assert params.reference is None and sampler_of(params.sampler, params.type_map, root) is None
    block = {"sampler": {"fp_style": "lammps", "fp_params": {"force_field": "tip3p-flexible"}}}
    params = load(root, {**GOOD, **dft, **block})
    assert sampler_of(params.sampler, params.type_map, root).units.name == "real"


LINE = "fp_params.force_field.lines[2] = "


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("fix 1 all nve", ["it is a part of the force field, as qeq/reaxff, write it as the key"]),
        ("run 0", ["remove it: a label and the sampling have the force field alone"]),
        ("velocity all create 300 1", ["velocities are drawn from the seed"]),
        ("dump 1 all atom 1 out", ["remove it: a label"]),
        ("compute 1 all pe", ["remove it: a label"]),
        ("units real", ['write it as the key "units"']),
        ("read_data in.data", ['write the file as the key "topology"']),
        ("mass 1 16", ['write it as the key "masses", by element']),
        ("variable f atom x", ["only variables of the styles equal, index and string"]),
        ("set type 1 x 0", ["only charges and molecules may be set"]),
        ("plumed", ["remove it"]),
    ],
)
def test_a_force_field_holds_no_more_than_that(root, line, said):
    told = complaint(root, lammps(lines=[*LINES, line]))
    assert told.startswith(f"params.json: {LINE}{json.dumps(line)}; "), told
    assert all(words in told for words in said), told


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"units": "lj"}, 'force_field.units = "lj"; must be "metal" or "real"'),
        ({"units": "metall"}, 'force_field.units = "metall"; must be "metal" or "real"'),
        ({"lines": []}, "force_field.lines is missing; give the commands of the force field"),
        ({"file": "a"}, "force_field.lines is missing; give the commands of the force field, or"),
        ({"lines": [], "file": "none"}, 'force_field.file = "none"; no such file in'),
        ({"elements": ["O"]}, 'elements = ["O"]; has no H, which type_map has'),
        ({"boundary": "p p s"}, 'boundary = "p p s"; must be "p" or "f" in each direction'),
        ({"atom_style": "body"}, 'atom_style = "body"; must be an atom style of LAMMPS for point'),
        ({"atom_style": "charge"}, "charges is missing; add it: a charge (e) of each element"),
        ({"charges": {"O": 1}}, 'charges = {"O": 1}; atom_style "atomic" has none'),
        ({"fixes": ["fix t all nvt temp 1 1 1"]}, "fixes[0] = "),
        ({"fixes": ["fix b all plumed plumedfile a"]}, "plumed is no part of a force field"),
        ({"fixes": ["fix b all temp/csvr 1 1 1 1"]}, "temp/csvr is no part of a force field"),
        ({"topology": "none.data"}, 'topology = "none.data"; no such file in'),
        ({"lines": ["pair_style sw", "pair_coeff * * no.sw O H"]}, '"no.sw"; names no.sw, which'),
        ({"lines": [*LINES, "pair_coeff 1 1 &"]}, "ends in &, and no line follows"),
        ({"lines": [*LINES, "neighbor 1 bin\nrun 1"]}, 'lines = "run 1"; remove it'),
        ({"fixes": [""]}, 'fixes[0] = ""; must be a LAMMPS command'),
        ({"masses": {"h": 2.0}}, 'masses = {"h": 2.0}; has h, which is no element of type_map'),
        ({"masses": {"H": -1}}, "must be a positive number (g/mol) for each element, as of H"),
        ({"line": []}, 'force_field.line = []; unknown key, did you mean "lines"?'),
    ],
)
def test_what_is_wrong_with_a_force_field(root, changes, said):
    told = complaint(root, lammps(**changes))
    assert said in told and "\n" not in told, told


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"force_field": "mw"}, 'force_field = "mw"; does not know H: type_map must be O'),
        ({"force_field": "spce"}, 'has rigid molecules: it samples only, as "sampler"'),
        ({"force_field": "eam-copper"}, "does not know O: type_map must be Cu"),
        ({"force_field": 1}, "force_field = 1; must be a string or an object"),
        ({"force_field": OWN, "cutoff_A": 8}, "cutoff_A = 8; is a key of"),
    ],
)
def test_what_is_wrong_with_fp_params(root, block, said):
    assert said in complaint(root, {"fp_style": "lammps", "fp_params": block})


def test_fixes_of_a_force_field_are_let_through():
    good = "fix q all qeq/reaxff 1 0.0 10.0 1e-6 reaxff"
    assert force_fields.fix_problem(good) is None
    assert force_fields.fix_problem("fix_modify q energy yes") is not None


def test_comments_and_lines_that_go_on_are_taken(root):
    lines = [*LINES, "# mine", "  # mine, too", "pair_coeff 1 1 &", "0.1 2.0 # O", ""]
    read = load(root, {**GOOD, **lammps(lines=lines)}).reference
    assert force_fields.commands(read, root)[2:] == ("pair_coeff 1 1 0.1 2.0",)


def test_commands_are_read_from_a_file_and_across_lines(tmp_path):
    (tmp_path / "ff").write_text(
        "# mine\npair_style lj/cut &\n   5.0 # cut\n\npair_coeff * * 1 2\n"
    )
    own = OwnForceField("metal", file="ff")
    assert force_fields.commands(own, tmp_path) == ("pair_style lj/cut 5.0", "pair_coeff * * 1 2")


def test_files_of_lammps_and_of_the_user_are_found(tmp_path):
    own = OwnForceField("metal", lines=("pair_style sw", "pair_coeff * * a/Si.sw Si"))
    lines = force_fields.commands(own, tmp_path)
    assert list(force_fields.missing_files(own, lines, tmp_path)) == ["a/Si.sw"]
    (tmp_path / "a").mkdir()
    (tmp_path / "a/Si.sw").write_text("mine")
    assert force_fields.named_files(own, lines, tmp_path) == {"a/Si.sw": tmp_path / "a/Si.sw"}


#: What DeePMD-kit's graph has of its elements.
TMAP = b"\n;\n\x0fmodel_attr/tmap\x12\x05Const*\x0b\n\x05dtype\x12\x020\x07*\x14\n\x05value\x12"


def test_a_model_that_lacks_an_element_is_refused(root):
    (root / "teacher.pb").write_bytes(b"..." + TMAP + b"\x0bB\t\x08\x07\x12\x00B\x04O Cu\nB\n")
    assert type_map_of(root / "teacher.pb") == ("O", "Cu")
    block = {"fp_style": "deepmd", "fp_params": {"model": "teacher.pb"}}
    said = complaint(root, block)
    assert 'fp_params.model = "teacher.pb"; knows O, Cu, and type_map has H' in said
    (root / "teacher.pb").write_bytes(b"..." + TMAP + b"\x0bB\t\x08\x07\x12\x00B\x03O H\nB\n")
    assert load(root, {**GOOD, **block}).reference == DeepPotential("teacher.pb")
    (root / "teacher.pb").unlink()
    assert 'fp_params.model = "teacher.pb"; no such file in' in complaint(root, block)


def test_the_problems_of_a_sampler_are_told_by_its_own_keys(root):
    block = {"sampler": {"fp_style": "deepmd", "fp_params": {"model": "none.pb"}}}
    assert 'sampler.fp_params.model = "none.pb"; no such file in' in complaint(root, block)
    block = {"sampler": lammps(lines=[*LINES, "run 1"])}
    assert 'sampler.fp_params.force_field.lines[2] = "run 1"' in complaint(root, block)


DATA = """\
water

3 atoms
2 bonds
2 atom types
1 bond types

0 9 xlo xhi
0 9 ylo yhi
0 9 zlo zhi

Masses

1 15.9994
2 {mass}

Atoms # full

1 1 1 -0.8 0 0 0
2 1 2 0.4 0.96 0 0
3 1 2 0.4 0 0.96 0

Bonds

1 1 1 2
2 1 1 3
"""


def test_a_topology_of_other_elements_or_style_is_refused(root):
    (root / "one.data").write_text(DATA.format(mass=35.45))
    block = lammps(topology="one.data", atom_style="full")
    assert "type 2 has the mass 35.45, that of Cl, which type_map lacks" in complaint(root, block)
    (root / "one.data").write_text(DATA.format(mass=1.008))
    assert load(root, {**GOOD, **block}).reference.topology == ("one.data",)
    block = lammps(topology="one.data", atom_style="molecular")
    assert 'is of atom style "full"; atom_style is "molecular"' in complaint(root, block)


def test_a_damaged_topology_says_its_line(tmp_path):
    file = tmp_path / "one.data"
    file.write_text(DATA.format(mass=1.008).replace("2 1 1 3\n", "2 1 1 7\n"))
    with pytest.raises(InputError, match="line 26: does not name 2 atoms that are there"):
        read_topology(file, "full", ("O", "H"))


def test_md_with_a_calculator_needs_wtemlp_lmp(tmp_path):
    cube = 9.0 * np.eye(3)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    block = {"sampler": {"fp_style": "ase", "fp_params": {"calculator": "gfn2"}}}
    params, machines = make(tmp_path / "a", cube, np.eye(3), **block)
    assert sampler_section(params, machines).stage == "model_devi"
    plain = replace(machines.model_devi, command="mpirun -n 1 /opt/bin/lmp")
    with pytest.raises(InputError, match=r"model_devi.command: .*gfn2; must be .wtemlp lmp"):
        sampler_section(params, replace(machines, model_devi=plain))
    params, machines = make(tmp_path / "b", cube, np.eye(3))
    assert sampler_section(params, machines).stage == "fp"


def test_a_structure_is_made_of_topologies_one_after_another(tmp_path):
    """As often as they fit, the longest first; else the first atom that is another is told."""
    (tmp_path / "water.data").write_text(DATA.format(mass=1.008))
    water = read_topology(tmp_path / "water.data", "full", ("O", "H"))
    two = compose([water], ["O", "H", "H"] * 2)
    assert two.starts == [0, 3] and two.interactions("Bonds")[:, 1:].tolist() == [
        [0, 1],
        [0, 2],
        [3, 4],
        [3, 5],
    ]
    for symbols, said in (
        (["O", "H", "H", "O", "O", "H"], "atom 5 is O, and water.data has H there"),
        (["O", "H", "H", "O", "H"], "atom 6 is missing, and water.data has H there"),
        (["H", "O"], "atom 1 is H, and water.data has O there"),
    ):
        with pytest.raises(ValueError, match=said):
            compose([water], symbols)
