"""PLUMED input for the well-tempered ensemble, the potential energy being the variable.

Energies are in the energy unit of the LAMMPS run (``units metal``: eV; ``units real``: kcal/mol),
lengths in Angstrom and times in ps, said explicitly by ``UNITS``, because PLUMED's own are kJ/mol
and nm.  PLUMED and LAMMPS's ``fix plumed`` share one value of the eV (96.48530749925792 kJ/mol,
2.6e-7 off CODATA 2018), so that ENERGY is the number that LAMMPS has.

ENERGY must be the *unbiased* energy.  LAMMPS adds the energies of fixes to its potential energy,
the bias itself included, unless told not to, so a script that uses these inputs says::

    fix        plumed all plumed plumedfile plumed.wte.dat outfile plumed.wte.log
    fix_modify plumed energy no

Numbers may be given as LAMMPS variable references (``${sigma}``): a job that measures sigma itself
writes the input in its middle, with the commands of :func:`lammps_print`.
"""

import math
import re
from pathlib import Path

from wtemlp.config.keys.wte import Extra, ExtraVariable

ENERGY_UNITS = {"metal": "eV", "real": "kcal/mol"}  #: PLUMED's name of LAMMPS's energy unit

#: Half width of METAD's grid in units of sigma_NVT sqrt(biasfactor), the expected standard
#: deviation in the well-tempered ensemble.  PLUMED aborts the run when the energy leaves the
#: grid; a runaway must instead meet wtemlp's guard, ten times closer.
GRID_HALF_WIDTH = 100.0
#: To the width of a hill, and to sigma_NVT; with PLUMED's splines the bias is then smooth to 1e-4
#: of a hill.  Of one that is narrower than two points, the grid would keep a part of its height.
GRID_POINTS_PER_SIGMA = 5
#: To the hill's width of a user's own variable where others are biased, too: a hill is added to all
#: points of a box seven widths wide, in three dimensions in 0.15 s with 5, in a third with 3.
GRID_POINTS_PER_OWN_SIGMA = 3
MAX_GRID_POINTS = 10_000_000  #: 160 MB

FLUSH_STRIDE = 1000  #: steps
EXTRA_LINES = "extra.plumed"  #: file of the user's own lines
_NOTHING = Extra()
_WARNING = re.compile(r"\bWARNING\b:?\s*(.+)")
HILLS_FORMAT = "%24.15g"  #: a run that goes on has the bias that it had; the width parts columns


def nvt_input(
    stride: int, colvar: str, units: str, flush: int = FLUSH_STRIDE, extra: Extra = _NOTHING
) -> str:
    """PLUMED input of an unbiased run: only prints the energy.

    Parameters
    ----------
    stride : int
        Steps between lines of `colvar`.
    colvar : str
        File of the energies: columns ``time ene``, ps and the run's energy unit.
    units : str
        LAMMPS's unit style, ``"metal"`` or ``"real"``.
    flush : int
        Steps after which what was printed is in the files.
    extra : Extra
        The user's own lines, and variables that are printed, too.

    Returns
    -------
    str
        The text of the input file.
    """
    names = ",".join(["ene", *(variable.name for variable in extra.variables)])
    return (
        f"{_head(units, extra)}PRINT ARG={names} STRIDE={stride} FILE={colvar} FMT=%.9f\n"
        f"{_flush(flush)}"
    )


def wte_input(
    *,
    biasfactor: float | str,
    sigma: float | str,
    height: float | str,
    pace: int | str,
    temperature_K: float,
    grid_min: float | str,
    grid_max: float | str,
    stride: int,
    hills: str,
    colvar: str,
    units: str,
    grid_bins: int | str | None = None,
    flush: int = FLUSH_STRIDE,
    extra: Extra = _NOTHING,
    more: str = "",
) -> str:
    """PLUMED input of a well-tempered-ensemble run.

    Parameters
    ----------
    biasfactor : float or str
        1 is unbiased: the input is then that of :func:`nvt_input`, with no METAD in it.  With a
        variable reference, `grid_bins` is needed.
    sigma : float or str
        Width of the hills: sigma_NVT, in the run's energy unit, or a LAMMPS variable reference.
    height : float or str
        Initial height of the hills, in the run's energy unit, or a LAMMPS variable reference.
    pace : int or str
        Steps between hills, or a LAMMPS variable reference.
    temperature_K : float
        The thermostat's; LAMMPS does not tell PLUMED.
    grid_min, grid_max : float or str
        Bounds of the grid, :func:`grid_half_width` sigmas on both sides of the mean energy.
    stride : int
        Steps between lines of `colvar`.
    hills, colvar : str
        Files of the hills and of the energies (columns ``time ene metad.bias``;
        ps and the run's energy unit).
    units : str
        LAMMPS's unit style, ``"metal"`` or ``"real"``.
    grid_bins : int or str, optional
        Points of the grid; by default :func:`grid_bins_for`.
    flush : int
        Steps after which hills and energies are in their files.
    extra : Extra
        The user's own lines, and variables that are biased with the energy or in its place.
    more : str
        More keywords of METAD.

    Returns
    -------
    str
        The text of the input file.
    """
    if biasfactor == 1:
        return nvt_input(stride, colvar, units, flush, extra)
    bins = _bins(biasfactor) if grid_bins is None else grid_bins
    energy = ("ene", _number(sigma), _number(grid_min), _number(grid_max), str(bins))
    columns = [energy] * extra.energy + _own_columns(extra)
    printed = ",".join(["ene", *(variable.name for variable in extra.variables), "metad.bias"])
    return (
        f"{_head(units, extra)}"
        f"metad: METAD {_metad_grid(columns)} HEIGHT={_number(height)} PACE={pace}"
        f" BIASFACTOR={_number(biasfactor)} TEMP={_number(temperature_K)} FILE={hills}"
        f" FMT={HILLS_FORMAT}{more}\n"
        f"PRINT ARG={printed} STRIDE={stride} FILE={colvar} FMT=%.9f\n"
        f"{_flush(flush)}"
    )


def _bins(biasfactor: float | str) -> int:
    if isinstance(biasfactor, str):
        raise ValueError("grid_bins is needed where the bias factor is a variable")
    if biasfactor < 1:
        raise ValueError(f"bias factor {biasfactor}: must be 1 or more")
    return grid_bins_for(biasfactor)


def _metad_grid(columns: list[tuple[str, str, str, str, str]]) -> str:
    """METAD's keywords of its variables: name, width and grid of each."""
    joined = (",".join(column) for column in zip(*columns, strict=True))
    keys = ("ARG", "SIGMA", "GRID_MIN", "GRID_MAX", "GRID_BIN")
    text = " ".join(f"{key}={value}" for key, value in zip(keys, joined, strict=True))
    # A grid of several dimensions is as large as their product, and most of it stays empty.
    return text + " GRID_SPARSE" * (len(columns) > 1)


def _own_columns(extra: Extra) -> list[tuple[str, str, str, str, str]]:
    """Of each of the user's variables name, width and grid, as METAD has them."""
    alone = extra.energy + len(extra.variables) == 1
    points = GRID_POINTS_PER_SIGMA if alone else GRID_POINTS_PER_OWN_SIGMA
    return [_metad_columns(one, points) for one in extra.variables]


def _metad_columns(variable: ExtraVariable, points: int) -> tuple[str, str, str, str, str]:
    ends = [
        math.copysign(math.pi, -end.startswith("-")) if isinstance(end, str) else end
        for end in (variable.minimum, variable.maximum)
    ]
    bins = math.ceil(abs(ends[1] - ends[0]) / variable.sigma * points)
    return (
        variable.name,
        _number(variable.sigma),
        _number(variable.minimum),
        _number(variable.maximum),
        str(bins),
    )


def opes_input(
    *,
    temperature_K: float,
    window_K: tuple[float, float] | tuple[str, str],
    pace: int,
    observation: int,
    stride: int,
    deltafs: str,
    colvar: str,
    units: str,
    flush: int = FLUSH_STRIDE,
    extra: Extra = _NOTHING,
) -> str:
    """PLUMED input of a multithermal run: OPES with the potential energy as the variable.

    One run at `temperature_K` samples the energies of all temperatures of the window alike
    (Invernizzi, Piaggi and Parrinello, Phys. Rev. X 10, 041034, 2020).

    Parameters
    ----------
    temperature_K : float
        The thermostat's; LAMMPS does not tell PLUMED.
    window_K : tuple of float or of str
        Lowest and highest temperature, or LAMMPS variable references.
    pace : int
        Steps between updates of the bias.
    observation : int
        First, unbiased updates, from which PLUMED chooses the temperatures in between.
    stride : int
        Steps between lines of `colvar`.
    deltafs, colvar : str
        Files of the free-energy differences, one line an update, and of the energies (columns
        ``time ene opes.bias``; ps and the run's energy unit).
    units : str
        LAMMPS's unit style, ``"metal"`` or ``"real"``.
    flush : int
        Steps after which what was printed is in the files.
    extra : Extra
        The user's own lines; nothing of them is biased by this method.

    Returns
    -------
    str
        The text of the input file.
    """
    low_K, high_K = window_K
    return (
        f"{_head(units, extra)}"
        f"ecv: ECV_MULTITHERMAL ARG=ene TEMP={_number(temperature_K)}"
        f" TEMP_MIN={_number(low_K)} TEMP_MAX={_number(high_K)}\n"
        f"opes: OPES_EXPANDED ARG=ecv.* PACE={pace} OBSERVATION_STEPS={observation}"
        f" PRINT_STRIDE=1 FILE={deltafs} FMT={HILLS_FORMAT}\n"
        f"PRINT ARG=ene,opes.bias STRIDE={stride} FILE={colvar} FMT=%.9f\n"
        f"{_flush(flush)}"
    )


def grid_half_width(biasfactor: float) -> float:
    """Half width of the grid in units of sigma_NVT."""
    return GRID_HALF_WIDTH * math.sqrt(biasfactor)


def grid_bins_for(biasfactor: float, width: float = 1.0) -> int:
    """Points of a grid of that width, :data:`GRID_POINTS_PER_SIGMA` to one sigma_NVT.

    To a hill as many, if it is narrower: ``width`` is its sigma in units of sigma_NVT.
    """
    return math.ceil(2 * grid_half_width(biasfactor) * GRID_POINTS_PER_SIGMA / min(width, 1.0))


def warnings_in(*logs: Path) -> list[str]:
    """What PLUMED warns of in its logs, each once; a log that is missing warns of nothing."""
    lines = (line.strip() for log in logs if log.is_file() for line in log.open(errors="replace"))
    found = (_WARNING.search(line) for line in lines)
    return list(dict.fromkeys(match[1] for match in found if match))


#: Name of the bias in the files that the inputs have PLUMED write.
METAD_BIAS, OPES_BIAS = "metad.bias", "opes.bias"
BIAS_COLUMNS = (METAD_BIAS, OPES_BIAS)
LABELS = ("metad", "opes", "ecv")  #: of the actions that make the bias


def lammps_print(text: str, file: str) -> str:
    """LAMMPS commands that write `text` to `file`, variables in it replaced by their values.

    One command a line of text: stock LAMMPS has a form for many lines at once, but this one needs
    no more of the program that reads the script than commands.  LAMMPS prints equal-style
    variables with 15 significant digits.

    Parameters
    ----------
    text : str
        Lines without quotes; ``${name}`` and ``$(formula)`` are replaced when the commands run.
    file : str
        The file, in the job's folder; replaced if it exists.

    Returns
    -------
    str
        The commands, one a line.
    """
    if '"' in text or "'" in text:
        raise ValueError(f"quotes cannot be printed by LAMMPS: {text!r}")
    lines = text.splitlines()
    modes = ["file"] + ["append"] * (len(lines) - 1)
    return "".join(
        f'print "{line}" {mode} {file} screen no\n' for line, mode in zip(lines, modes, strict=True)
    )


def _head(units: str, extra: Extra) -> str:
    """The lines that both inputs begin with."""
    include = f"INCLUDE FILE={EXTRA_LINES}\n" if extra.lines else ""
    return f"UNITS LENGTH=A TIME=ps ENERGY={ENERGY_UNITS[units]}\nene: ENERGY\n{include}"


def _flush(stride: int) -> str:
    """The last line of an input: it comes after the hill and the energy of its step.

    Without it PLUMED keeps up to 10,000 steps of its files in memory: a killed job would lose
    them, and a live display would lag.
    """
    return f"FLUSH STRIDE={stride}\n"


def _number(value: float | str) -> str:
    """A number in full precision, or a variable reference as it is."""
    return value if isinstance(value, str) else f"{value:.15g}"
