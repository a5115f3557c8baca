"""What a walker's PLUMED has recorded, whoever wrote its input: energies, and own variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.energy import equilibrated, filled, reweighting_weights
from wtemlp.analysis.reweighting import Weighted, bias_of_hills
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


@dataclass(frozen=True)
class OwnVariable:
    """A biased variable of the user's own along one walker."""

    name: str
    unbiased: tuple[NDArray[np.float64], NDArray[np.float64]]  #: time (ps) and value, each (n,)
    biased: tuple[NDArray[np.float64], NDArray[np.float64]]
    weighted: Weighted | None  #: its filled part; None: the bias is not this walker's alone
    period: float | None

    @property
    def counted(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The values that count: after equilibration, and once the bias was filled."""
        return equilibrated(self.unbiased[1]), filled(self.biased[1])


def own_variables(
    folder: Path, made: WalkerRecord, unbiased: Series, biased: Series
) -> tuple[OwnVariable, ...]:
    """The variables of a walker's folder.

    Parameters
    ----------
    folder : Path
    made : WalkerRecord
    unbiased, biased : mapping of str to ndarray, shape (n,)
        What it has recorded, by name, with ``time`` (ps) and ``ene`` (eV).
    """
    own = made.own.variables if made.own is not None and made.generated else ()
    periods = {one.name: 2 * np.pi for one in own if isinstance(one.minimum, str)}
    weights = _weights(folder, made, biased, periods) if own else None
    found = []
    for one in own:
        if one.name not in unbiased and one.name not in biased:
            continue
        parts = [
            (series["time"], series[one.name]) if one.name in series else (np.empty(0), np.empty(0))
            for series in (unbiased, biased)
        ]
        period = periods.get(one.name)
        values = filled(parts[1][1])
        weighted = None if weights is None else Weighted(values, weights, period)
        found.append(OwnVariable(one.name, parts[0], parts[1], weighted, period))
    return tuple(found)


def _weights(
    folder: Path, made: WalkerRecord, biased: Series, periods: Mapping[str, float]
) -> NDArray[np.float64] | None:
    """What turns the filled part into NVT: from the bias that the walker ended with."""
    names = ["ene"] * made.biases_energy + list(made.variables)
    hills = colvar.read(folder / paths.HILLS)
    missing = [name for name in names if name not in biased or f"sigma_{name}" not in hills]
    if made.share_hills or missing or made.temperature_K is None or not len(hills["height"]):
        return None
    bias = bias_of_hills({name: filled(biased[name]) for name in names}, hills, periods)
    return reweighting_weights(bias, made.temperature_K) if np.isfinite(bias).all() else None
