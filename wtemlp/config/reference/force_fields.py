"""Force fields in LAMMPS's own words: which commands they may have, and force fields by name."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from wtemlp.config.keys.labels import OwnForceField
from wtemlp.core import lammps_potentials
from wtemlp.structures.lammps_data import STYLES
from wtemlp.structures.text import is_number

#: Commands that come before the atoms are read, and those that come after.
_BEFORE = (
    "atom_modify newton package suffix plugin processors comm_style variable pair_style bond_style"
    " angle_style dihedral_style improper_style special_bonds dielectric"
)
_AFTER = (
    "pair_coeff pair_modify pair_write bond_coeff angle_coeff dihedral_coeff improper_coeff"
    " kspace_style kspace_modify neighbor neigh_modify comm_modify group set"
)
BEFORE, AFTER = frozenset(_BEFORE.split()), frozenset(_AFTER.split())
_SAMPLES = "a label and the sampling have the force field alone"
#: What else a script may have, and what becomes of it here.
_WHY = {
    "units": 'write it as the key "units"',
    "atom_style": 'write it as the key "atom_style"',
    "boundary": 'write it as the key "boundary"',
    "read_data": 'write the file as the key "topology"',
    "mass": 'write it as the key "masses", by element',
    "include": 'write the commands here, or name the file as the key "file"',
    "compute": f"remove it: {_SAMPLES}",
    "timestep": "remove it: it is model_devi_dt, or timestep_fs",
    "velocity": "remove it: velocities are drawn from the seed",
    "fix": f"remove it: {_SAMPLES}; if it is a part of the force field, as qeq/reaxff, write it "
    'as the key "fixes"',
}
_OTHER = f"remove it: {_SAMPLES}"
#: Fixes that move atoms, are a thermostat or a barostat, or bias.
_FIXES = (
    "adapt addforce addtorque atom/swap aveforce bocs box/relax brownian colvars deform deposit"
    " drag efield enforce2d evaporate external flow/gauss freeze gcmc gld gle halt heat indent ipi"
    " langevin lineforce mdi meta momentum move msst mscg neb nph npt nve nvk nvt orient pafi pimd"
    " planeforce plumed press/ press print propel qbmsst qtb rattle restrain rigid setforce shake"
    " smd spring temp/ ttm tune viscous wall"
)


def commands(force_field: OwnForceField, root: Path) -> tuple[str, ...]:
    """The commands of a force field, without comments, a command a line.

    Raises
    ------
    OSError
        If they are in a file that cannot be read.
    """
    text = "\n".join(force_field.lines)
    if force_field.file:
        text = (root / force_field.file).read_text(encoding="utf-8-sig")
    return commands_of(text)


def commands_of(text: str) -> tuple[str, ...]:
    """The commands of a text, without comments, those that ``&`` goes on with joined."""
    lines = (line.partition("#")[0].rstrip() for line in text.splitlines())
    joined = "\n".join(lines).replace("&\n", " ")
    return tuple(" ".join(line.split()) for line in joined.splitlines() if line.strip())


def line_problem(line: str) -> str | None:
    """Why a command is no part of a force field, and what to do; None if it is one."""
    word = line.split()[0]
    if line.endswith("&"):
        return "ends in &, and no line follows"
    if word in BEFORE | AFTER:
        if word == "variable" and line.split()[2:3] not in (["equal"], ["index"], ["string"]):
            return "only variables of the styles equal, index and string"
        if word == "set" and line.split()[3:4] not in (["charge"], ["mol"]):
            return "only charges and molecules may be set"
        return None
    return _WHY.get(word, _OTHER)


def fix_problem(line: str) -> str | None:
    """Why a fix is no part of a force field; None if it may be one."""
    words = line.partition("#")[0].split()
    if words[:1] != ["fix"] or len(words) < 4:
        return "must be a LAMMPS command: fix ID all STYLE ..."
    style = words[3].split("/kk")[0]
    if any(style == one or style.startswith(f"{one.rstrip('/')}/") for one in _FIXES.split()):
        return f"{style} is no part of a force field: {_SAMPLES}"
    return None


def style_problem(atom_style: str) -> str | None:
    """Why an atom style cannot be had; None if it can."""
    if atom_style in STYLES and atom_style not in ("body", "ellipsoid", "line", "tri", "template"):
        return None
    return "must be an atom style of LAMMPS for point atoms, as atomic, charge or full"


def named_files(force_field: OwnForceField, lines: Sequence[str], root: Path) -> dict[str, Path]:
    """The files that the commands of a force field name, by the words that name them.

    Parameters
    ----------
    force_field : OwnForceField
    lines : sequence of str
        Of :func:`commands`.
    root : Path
        What their paths are relative to.
    """
    found = {}
    for word in dict.fromkeys((*force_field.files, *_words(force_field, lines))):
        if (file := find_file(word, root)) is not None:
            found[word] = file
    return found


def missing_files(force_field: OwnForceField, lines: Sequence[str], root: Path) -> Iterator[str]:
    """The words that name a file which is not there."""
    for word in dict.fromkeys((*force_field.files, *_words(force_field, lines))):
        if word not in TEXTS and find_file(word, root) is None:
            yield word


def find_file(word: str, root: Path) -> Path | None:
    """A file of the user's, or one that LAMMPS ships; None if there is none."""
    if (root / word).is_file():
        return root / word
    shipped = lammps_potentials.potentials_folder()
    if shipped is not None and (shipped / word).is_file():
        return shipped / word
    return None


def _words(force_field: OwnForceField, lines: Sequence[str]) -> Iterator[str]:
    """The words of commands that look like names of files."""
    for line in (*lines, *force_field.fixes):
        command, *words = line.split()
        if command in ("pair_coeff", "bond_coeff", "angle_coeff", "dihedral_coeff", "pair_style"):
            words = words[1:] if command == "pair_style" else words
        elif command not in ("fix", "kspace_style", "plugin"):
            continue
        for word in words:
            name = word.rpartition("/")[2]
            if "." in name.strip(".") and not is_number(word) and not set(word) & set("*$:{}"):
                yield word


_MW = """\
# Monatomic water: V. Molinero and E. B. Moore, J. Phys. Chem. B 113, 4008 (2009)
# epsilon (kcal/mol) sigma (A) a lambda gamma cos(theta0) A B p q tol
O O O 6.189 2.3925 1.80 23.15 1.20 -0.333333333333 7.049556277 0.6022245584 4.0 0.0 0.0
"""
#: Files of the force fields by name.
TEXTS = {"mW.sw": _MW}
BY_NAME = {
    "mw": OwnForceField(
        units="real",
        lines=("pair_style sw", "pair_coeff * * mW.sw O"),
        elements=("O",),
        masses={"O": 18.01528},
        name="mw",
    ),
    "sw-silicon": OwnForceField(
        units="metal",
        lines=("pair_style sw", "pair_coeff * * Si.sw Si"),
        elements=("Si",),
        name="sw-silicon",
    ),
    "eam-copper": OwnForceField(
        units="metal",
        lines=("pair_style eam", "pair_coeff * * Cu_u3.eam"),
        elements=("Cu",),
        name="eam-copper",
    ),
}
