"""What a program's output says beside what DP-GEN's readers look at, and in their words.

DP-GEN reads numbers; whether the program ended as it should is not asked, and a unit or a layout
that its readers do not know loses a virial, or the label.  So an output is looked at before, and
the readers are shown it in the layout that they know.
"""

import math
import re
from collections.abc import Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from wtemlp.dpgen.labelling import read_label

if TYPE_CHECKING:
    import dpdata

#: Where a program says that its self-consistent field did not converge, and in which words.
#: Of VASP since version 6; DP-GEN's readers count the steps.
UNCONVERGED = {
    "vasp": ("OUTCAR", r"EDIFF was not reached \(unconverged\)"),
    "pwscf": ("output", r"convergence NOT achieved"),
    "cp2k": ("output", r"SCF run NOT converged"),
    "siesta": ("output", r"SCF_NOT_CONV|SCF did not converge"),
    # The second with IOp(5/13=1), which goes on: of the last SCF, as another may mend it (XQC).
    "gaussian": (
        "output",
        r"Convergence failure"
        r"|Convergence criterion not met(?=\.\s+SCF Done:(?![\s\S]*\n SCF Done:))",
    ),
    "abacus": (
        "OUT.ABACUS/running_scf.log",
        r"(?i)convergence has not been achieved|SCF is not converged",
    ),
}
#: Where a program says that it ended with an error, and in which words.
ERRORS = {
    "vasp": (
        ("OUTCAR", "fp.log"),
        r"I REFUSE TO CONTINUE WITH THIS SICK JOB.*|VERY BAD NEWS.*|Error EDDDAV.*",
    ),
    "pwscf": (("output",), r"Error in routine .*"),
    "cpx": (("output",), r"Error in routine .*"),
    "cp2k": (("output",), r"\[ABORT\].*"),
    "siesta": (("output",), r"Stopping Program from Node.*|ABNORMAL_TERMINATION"),
    "gaussian": (("output",), r"Error termination.*"),
    "abacus": (("output",), r"CHECK IN FILE.*"),
}
#: The words with which a program's output ends when it has done all of its work.
ENDS = {
    "pwscf": ("output", r"JOB DONE"),
    "cp2k": ("output", r"PROGRAM ENDED AT"),
    "siesta": ("output", r">> End of run|Job completed"),
    "gaussian": ("output", r"Normal termination"),
}
EXTXYZ = ("extxyz", "quip/gap/xyz", "quip/gap/xyz_file")
FREE_ENERGY = "the free_energy (force consistent) is taken, not the energy beside it"
VIRIAL = "the virial is taken, not the stress beside it"
SAME_EV = 1e-5  #: of two energies that are printed with other digits
NO_STRESS = "no virial: the stress in the output is not a finite number"

_GPA = {
    "gpa": 1.0,
    "mpa": 1e-3,
    "kpa": 1e-6,
    "pa": 1e-9,
    "bar": 1e-4,
    "kbar": 0.1,
    "mbar": 100.0,
    "atm": 1.01325e-4,
    "a.u.": 29421.02648438959,
    "hartree/bohr^3": 29421.02648438959,
    "ev/angstrom^3": 160.2176634,
}
_HARTREE = {"a.u.": 1.0, "hartree": 1.0, "ry": 0.5, "ev": 1 / 27.211386245988}
_HARTREE_BOHR = {"a.u.": 1.0, "hartree/bohr": 1.0, "ev/angstrom": 0.529177210903 / 27.211386245988}

Notes = list[str]


class Rewrite(Protocol):
    """Shows a reader an output's text as it knows it."""

    def __call__(self, text: str, notes: Notes) -> str:
        """Another text; what its user should know is added to the notes."""


def read(
    folder: Path, jdata: Mapping[str, Any]
) -> "tuple[dpdata.LabeledSystem | None, str, Notes]":
    """The label in a task's outputs, or why there is none.

    Parameters
    ----------
    folder : Path
        The task's, after its job.
    jdata : Mapping
        :attr:`wtemlp.config.records.Params.jdata`.

    Returns
    -------
    dpdata.LabeledSystem or None
        As DP-GEN reads it, one frame or more.
    str
        Why there is no label; "" if there is one.
    list of str
        What its user should know of the label.
    """
    style, notes = jdata["fp_style"], Notes()
    if reason := _complaint(folder, style) or _several_steps(folder, style):
        return None, reason, notes
    try:
        label = read_label(
            folder,
            jdata,
            {
                name: partial(rewrite, notes=notes)
                for name, rewrite in _rewrites(style, jdata).items()
            },
        )
    except ValueError as error:
        return None, f"its output cannot be read ({error}){_versions(folder, style)}", notes
    if label is None or len(label) == 0:
        return None, "there is no converged label in its output", notes
    forces = label.data.get("forces")
    if forces is None or forces.shape != label["coords"].shape:
        return None, "there are no forces of all atoms in its output", notes
    if style == "siesta":
        _siesta_virial(label, (folder / "output").read_text(errors="replace"))
    return label, "", notes


def _complaint(folder: Path, style: str) -> str:
    """Why a program's own words say that there is no label; "" if they do not."""
    name, words = UNCONVERGED.get(style, ("", ""))
    if found := _search(folder / name, words) if name else None:
        return f"the self-consistent field did not converge ({found})"
    names, words = ERRORS.get(style, ((), ""))
    for name in names:
        if found := _search(folder / name, words):
            return f"the program ended with an error ({name}: {found})"
    name, words = ENDS.get(style, ("", ""))
    if name and (folder / name).is_file() and not _search(folder / name, words):
        plain = words.split("|")[0]
        return f'the program did not end normally (there is no "{plain}" in {name})'
    return ""


def _several_steps(folder: Path, style: str) -> str:
    """Why an output of several structures is no label: the reader mixes the first and the last."""
    file = folder / "output"
    if style != "pwscf" or not file.is_file():
        return ""
    n_steps = file.read_text(errors="replace").count(_PWSCF_FORCES)
    return f"it has {n_steps} ionic steps, must have one (calculation = 'scf')" * (n_steps > 1)


def _search(file: Path, words: str) -> str:
    if not file.is_file():
        return ""
    found = re.search(words, file.read_text(errors="replace"))
    return " ".join(found[0].split()) if found else ""


def _versions(folder: Path, style: str) -> str:
    """Whose versions do not go together, where an output cannot be read."""
    reader = "cp2kdata" if style == "cp2k" else "dpdata"
    try:
        by = f"{reader} {version(reader)}"
    except PackageNotFoundError:
        by = reader
    program = _search(folder / "output", r"CP2K version \S+") if style == "cp2k" else ""
    return f": {by} may not know the layout of {program or 'this version of the program'}"


def _rewrites(style: str, jdata: Mapping[str, Any]) -> Mapping[str, Rewrite]:
    """By the output's name: how a style's reader is shown it."""
    if style == "custom":
        params = jdata["fp_params"]
        return {params["output_fn"]: extxyz} if params["output_fmt"] in EXTXYZ else {}
    return REWRITES.get(style, {})


def _numbers(words: str) -> list[float] | None:
    """The numbers of a line, also where they touch; None where one is none, or not finite."""
    try:
        values = [float(word) for word in re.sub(r"(?<=\d)-(?=\d)", " -", words).split()]
    except ValueError:
        return None
    return values if all(map(math.isfinite, values)) else None


def _unit(factors: Mapping[str, float], unit: str, what: str) -> float:
    try:
        return factors[unit.lower()]
    except KeyError:
        raise ValueError(f"its {what} is in [{unit}], which is not known") from None


# -- CP2K: the layouts of 2023 to 2025, and any unit, as the layout of 2023 in GPa and a.u.

_CP2K_ENERGY = re.compile(
    r"^( ENERGY\| Total FORCE_EVAL \( \w+ \) energy) +[\[(](\S+?)[\])]:? +(\S+) *$", re.M
)
_CP2K_FORCES = re.compile(
    r"^ FORCES\| Atomic forces \[(\S+?)\].*\n((?: FORCES\|.*\n|\n)+)", re.M | re.I
)
_CP2K_STRESS = re.compile(
    r"^ *(?:STRESS\| *)?(?:\w+ )?STRESS TENSOR \[(\S+?)\] *\n"
    r"((?:(?: *STRESS\|)?[ xyz]*\n)*(?: *(?:STRESS\|)? *[xyz] +\S.*\n){3})",
    re.M | re.I,
)


def _cp2k(text: str, notes: Notes) -> str:
    text = _CP2K_ENERGY.sub(_cp2k_energy, text)
    text = _CP2K_FORCES.sub(_cp2k_forces, text)
    return _CP2K_STRESS.sub(lambda found: _cp2k_stress(found, notes), text)


def _cp2k_energy(found: re.Match[str]) -> str:
    factor = _unit(_HARTREE, found[2], "energy")
    number = found[3] if factor == 1 else f"{float(found[3]) * factor:.15f}"
    return f"{found[1]} [a.u.]: {number:>28}"


def _cp2k_forces(found: re.Match[str]) -> str:
    factor = _unit(_HARTREE_BOHR, found[1], "forces")
    rows = [line.split()[1:5] for line in found[2].splitlines()]
    lines = [
        f"{int(number):7d}      1      X " + "".join(f" {float(x) * factor:18.12f}" for x in xyz)
        for number, *xyz in filter(lambda row: row and row[0].isdigit(), rows)
    ]
    head = " ATOMIC FORCES in [a.u.]\n\n # Atom   Kind   Element          X              Y\n"
    return head + "\n".join([*lines, " SUM OF ATOMIC FORCES", ""])


def _cp2k_stress(found: re.Match[str], notes: Notes) -> str:
    lines = (line.replace("STRESS|", " ").split() for line in found[2].splitlines())
    rows = [
        _numbers(" ".join(words[1:4]))
        for words in lines
        if len(words) >= 2 and words[1].lower() != "y"
    ]
    if any(row is None or len(row) != 3 for row in rows):
        notes.append(NO_STRESS)
        return "\n"
    factor = _unit(_GPA, found[1], "stress")
    text = " STRESS| Analytical stress tensor [GPa]\n STRESS|      x      y      z\n"
    for name, row in zip("xyz", rows, strict=True):
        text += f" STRESS|      {name}" + "".join(f" {factor * x:20.11E}" for x in row or ()) + "\n"
    return text


# -- the others: a stress that is none must not take the label with it


def _vasp(text: str, notes: Notes) -> str:
    """As many numbers, NaN where VASP has printed stars: the virial is then left out."""
    return re.sub(r"^( +in kB)(.*)$", lambda row: row[1] + _six(row[2]), text, flags=re.M)


def _six(words: str) -> str:
    values = _numbers(words)
    if values is None or len(values) != 6:
        return 6 * " NaN"
    return "".join(f" {value}" for value in values)


_PWSCF_FORCES = "Forces acting on atoms"


def _pwscf(text: str, notes: Notes) -> str:
    def block(found: re.Match[str]) -> str:
        return found[1] + "".join(_six(row) + "\n" for row in found[2].splitlines())

    return re.sub(r"(^ *total   stress .*\n)((?:.*\S.*\n){3})", block, text, flags=re.M)


def _abacus(text: str, notes: Notes) -> str:
    """Without the blocks that the reader would find no rows in, or rows of another unit."""

    def block(found: re.Match[str]) -> str:
        rows = [_numbers(row.strip(" |")) for row in found[3].splitlines()]
        if found[2].lower() == "kbar" and all(row is not None and len(row) == 3 for row in rows):
            return found[0]
        notes.append(NO_STRESS)
        return found[1].replace("TOTAL-STRESS", "NO-STRESS") + "\n"

    # Lines and titles of columns (since 2025), then three rows of three.
    title = r"(^[ #]*TOTAL-STRESS *\((\S+?)\).*\n(?: *[-><]*\n| *Stress_x.*\n){0,4})"
    rows = r"((?: *[-+|\d*NnIi].*\n){3})"
    return re.sub(title + rows, block, text, flags=re.M)


# -- an energy that is not the one that the forces are the slope of

_SIESTA_FREE = re.compile(r"^siesta: FreeEng = +(\S+)", re.M)
_SIESTA_ENERGY = re.compile(r"^(siesta: E_KS\(eV\) = +)(\S+)", re.M)
_SIESTA_STRESS = re.compile(
    r"^siesta: Stress tensor \(static\) \(eV/Ang\*\*3\): *\n((?:siesta: .*\n){3})", re.M
)
_GAUSSIAN_SCF = re.compile(r"^( SCF Done: +\S+ = +)(\S+)", re.M)
#: Of correlated wave functions, each printed after the lower ones, double hybrids, excited states
#: and layers.
_GAUSSIAN_OTHER = re.compile(
    r"(?:EUMP2 =|EUMP3=|UMP4\(S?DQ\)=|amplitudes converged\. E\(Corr\)=) *(\S+)"
    r"|^ E2\(\w+\) = *\S+ +E\(\w+\) = *(\S+)"
    r"|^ Total Energy, E\([^)]*(?:\(D\))?\) = *(\S+)|^ ONIOM: extrapolated energy = *(\S+)",
    re.M,
)
_GAUSSIAN_FORCES = " Center     Atomic                   Forces (Hartrees/Bohr)"


def _siesta(text: str, notes: Notes) -> str:
    """With the free energy, where electrons have a temperature that tells it from E_KS."""
    free, taken = _SIESTA_FREE.findall(text)[-1:], _SIESTA_ENERGY.search(text)
    if not free or taken is None or free[0] == taken[2]:
        return text
    if abs(float(free[0]) - float(taken[2])) > SAME_EV:
        notes.append("FreeEng is taken, of which the forces are the slope, not E_KS")
    return _SIESTA_ENERGY.sub(lambda found: found[1] + free[0], text)


def _siesta_virial(label: "dpdata.LabeledSystem", text: str) -> None:
    """dpdata 1.1.0 gives the virial the sign of SIESTA's stress, which is positive in tension."""
    found = _SIESTA_STRESS.search(text)
    if found is None or label.nopbc:
        return
    rows = [_numbers(line.split(":")[1]) for line in found[1].splitlines()]
    stress = np.array([row if row and len(row) == 3 else 3 * [np.nan] for row in rows])
    label.data["virials"] = -stress * np.abs(np.linalg.det(label["cells"]))[:, None, None]


def _gaussian(text: str, notes: Notes) -> str:
    """With the energy of the method that the forces are of; the reader looks at the SCF's alone."""
    begin = text[: text.rfind(_GAUSSIAN_FORCES)]
    scf, other = [*_GAUSSIAN_SCF.finditer(begin)], [*_GAUSSIAN_OTHER.finditer(begin)]
    if not scf or not other or other[-1].start() < scf[-1].start():
        return text
    energy = next(filter(None, other[-1].groups())).upper().replace("D", "E")
    notes.append("the energy is that of the method whose forces these are, not the SCF's")
    value = f"{float(energy):.12f}"
    return text[: scf[-1].start(2)] + value + text[scf[-1].end(2) :]


# -- extended XYZ of a program of the user's own


def extxyz(text: str, notes: Notes) -> str:
    """With the energy that the forces are the slope of, as ASE's calculators name it."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if "Properties=" not in line:
            continue
        keys = set(re.findall(r"(?<![\w-])([\w-]+)=", line))
        if "free_energy" in keys and keys & {"energy", "Energy"}:
            lines[index] = re.sub(r"(?<![\w-])[Ee]nergy=", "energy_not_taken=", line)
            notes.append(FREE_ENERGY)
        if keys & {"virial", "virials"} and keys & {"stress", "stresses"}:
            notes.append(VIRIAL)
    return "\n".join(lines)


#: By style, and by the output's name.
REWRITES: Mapping[str, Mapping[str, Rewrite]] = {
    "cp2k": {"output": _cp2k},
    "vasp": {"OUTCAR": _vasp},
    "pwscf": {"output": _pwscf},
    "siesta": {"output": _siesta},
    "gaussian": {"output": _gaussian},
    "abacus": {"OUT.ABACUS/running_scf.log": _abacus},
}
