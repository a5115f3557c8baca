"""The energies that a walker's PLUMED has recorded, whoever wrote its input."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.core import paths
from wtemlp.md import colvar, plumed_input
from wtemlp.md.lammps_log import thermo_series
from wtemlp.md.walker_record import DPGEN, TEMPLATE, WalkerRecord

Series = dict[str, NDArray[np.float64]]


def read_energies(folder: Path, made: WalkerRecord) -> tuple[Series, Series]:
    """What a walker has recorded without and with the bias.

    Parameters
    ----------
    folder : Path
        Its task's.
    made : WalkerRecord

    Returns
    -------
    dict, dict of ndarray, shape (n_rows,)
        ``time`` (ps), ``ene`` (eV, without the bias) and whatever else there is, by the names of
        the generated input; the bias (eV) has one of ``plumed_input.BIAS_COLUMNS``.  Empty where
        there is no such file, or nobody knows what is in it.
    """
    nvt = _with_energy(colvar.read_series(folder / paths.COLVAR_NVT))
    if made.method == DPGEN:
        return {}, _with_energy(thermo_series(folder / paths.LMP_LOG, made.timestep_ps))
    if made.method != TEMPLATE:
        return nvt, _with_energy(colvar.read_series(folder / paths.COLVAR_WTE))
    return nvt, _with_energy(_of_template(folder, made))


def _with_energy(series: Series) -> Series:
    return series if {"time", "ene"} <= series.keys() else {}


def _of_template(folder: Path, made: WalkerRecord) -> Series:
    """What a template's PLUMED input prints the energy to, in its own units."""
    own = made.energies
    if own is None:
        # A LAMMPS script may write a generated input as wtemlp's does; its units are known.
        theirs = paths.COLVAR_WTE in (made.written or ())
        return {} if theirs else colvar.read_series(folder / paths.COLVAR_WTE)
    series = colvar.read_series(folder / own.file)
    if own.energy not in series:
        return {}
    found = {"time": series["time"] * own.time_ps, "ene": series[own.energy] * own.unit_eV}
    if own.bias in series:
        found[plumed_input.METAD_BIAS] = series[own.bias] * own.unit_eV
    return found
