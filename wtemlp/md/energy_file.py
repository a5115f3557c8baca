"""``P_energy.dat`` of an exploration task: the distributions of its energy, as PLUMED writes files.

Columns: ``energy`` (eV), ``p_nvt``, ``p_biased`` and ``p_reweighted`` (1/eV), ``free_energy`` (kT,
from ``p_reweighted``).  The header tells whether the last two can be trusted.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.reweighting import TRUSTED, Distributions
from wtemlp.core.atomic_io import write_text
from wtemlp.md import colvar

TRUSTWORTHY, UNTRUSTWORTHY = "trustworthy", "untrustworthy"


@dataclass(frozen=True)
class Reweighted:
    """NVT from a walker's biased part; arrays of shape (n_bins,)."""

    energy_eV: NDArray[np.float64]
    density: NDArray[np.float64]  #: 1/eV
    independent: float  #: independent energies that it is worth


def write(
    path: Path, found: Distributions, temperature_K: float, biasfactor: float, stopped: bool
) -> None:
    """Write the distributions of a walker; what is there is replaced.

    Parameters
    ----------
    path : Path
    found : Distributions
    temperature_K : float
    biasfactor : float
    stopped : bool
        Whether the guard stopped the walker: where it had got to is no equilibrium.
    """
    trusted = found.trusted and not stopped
    settings = {
        "temperature": f"{temperature_K:g}",
        "biasfactor": f"{biasfactor:g}",
        "n_nvt": found.n_nvt,
        "n_biased": found.n_biased,
        "kish": f"{found.kish:.6g}",
        "inefficiency": f"{found.inefficiency:.6g}",
        "independent": f"{found.independent:.6g}",
        "reweighting": TRUSTWORTHY if trusted else UNTRUSTWORTHY,
    }
    remarks = [
        "energy: eV; p_nvt, p_biased, p_reweighted: 1/eV; free_energy: kT, from p_reweighted",
        "kish: effective number of the weights; independent: of that, kish / inefficiency",
    ]
    if not trusted:
        why = (
            "the guard stopped the walker"
            if stopped
            else f"worth {found.independent:.2g} independent energies, fewer than {TRUSTED:g}"
        )
        remarks.append(f"do not trust p_reweighted and free_energy: {why}")
    columns = {
        "energy": found.energy_eV,
        "p_nvt": found.p_nvt,
        "p_biased": found.p_biased,
        "p_reweighted": found.p_reweighted,
        "free_energy": found.free_energy_kT,
    }
    lines = [f"{colvar.FIELDS} {' '.join(columns)}"]
    lines += [f"{colvar.SET} {name} {value}" for name, value in settings.items()]
    lines += [f"# {remark}" for remark in remarks]
    rows = np.column_stack(list(columns.values()))
    lines += [f" {row[0]:.9f} " + " ".join(f"{value:.9g}" for value in row[1:]) for row in rows]
    write_text(path, "\n".join(lines) + "\n")


def read(path: Path) -> Reweighted | None:
    """What :func:`write` wrote of the reweighted distribution.

    Returns
    -------
    Reweighted or None
        None where there is no such file, or one that cannot be read.  Whether it is to be
        trusted is the caller's to judge: several walkers together may be, where one is not.
    """
    columns = colvar.read(path)
    if "p_reweighted" not in columns or "energy" not in columns:
        return None
    try:
        independent = float(colvar.read_settings(path)["independent"])
    except (KeyError, ValueError):
        return None
    return Reweighted(columns["energy"], columns["p_reweighted"], independent)
