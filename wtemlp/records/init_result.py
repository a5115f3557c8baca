"""The numbers that ``wtemlp init`` ends with."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wtemlp.analysis.energy import moments
from wtemlp.analysis.widths import WithError, width
from wtemlp.core.atomic_io import read_record
from wtemlp.core.errors import InputError
from wtemlp.core.formatting import finite

RESULT = "init.json"  #: provenance and numbers; written last
PARAMETERS = "init.parameters.json"  #: what the folder was made with; written first
DATA, CONF = "data", "conf"  #: folders in the output: labelled frames, starting structures
EQUILIBRATE = "00.equilibrate"  #: folder of the box and of NVT
LABEL = "02.label"  #: folder of the labelling tasks


def ensemble_name(biasfactor: float) -> str:
    """What an ensemble's folders are called, as ``g16``; NVT's is ``g1``."""
    return f"g{biasfactor:g}"


@dataclass(frozen=True)
class DataSet:
    """One set of training and validation data."""

    folder: str  #: below ``data`` and ``conf``; "": these themselves
    biasfactor: float | None  #: of its ensemble; None: frames of all ensembles
    n_train: int
    n_validation: int


@dataclass(frozen=True)
class Ensemble:
    """A sampled ensemble, from its energies."""

    biasfactor: float  #: 1: NVT
    temperature_K: float  #: mean
    temperature_error_K: float
    mean_eV: float
    mean_error_eV: float
    sigma_eV: float
    sigma_error_eV: float
    statistical_inefficiency: float  #: in recorded energies
    correlation_time_ps: float | None = None  #: of the energies; None in earlier versions

    @classmethod
    def of(
        cls,
        biasfactor: float,
        temperatures_K: np.ndarray,
        energies_eV: np.ndarray,
        spacing_ps: float | None = None,
    ) -> "Ensemble":
        """Means and fluctuations of recorded series, each (n,), at an interval."""
        heat = moments(temperatures_K)
        energy = moments(energies_eV)
        return cls(
            biasfactor=biasfactor,
            temperature_K=heat.mean,
            temperature_error_K=heat.mean_error,
            mean_eV=energy.mean,
            mean_error_eV=energy.mean_error,
            sigma_eV=energy.std,
            sigma_error_eV=energy.std_error,
            statistical_inefficiency=energy.inefficiency,
            correlation_time_ps=None
            if spacing_ps is None
            else 0.5 * energy.inefficiency * spacing_ps,
        )


@dataclass(frozen=True)
class InitResult:
    """What came out of ``wtemlp init``."""

    output: Path
    n_molecules: int
    box_A: float
    density_g_cm3: float
    nvt: Ensemble
    wte: tuple[Ensemble, ...]  #: second halves of the runs
    n_train: int
    n_validation: int
    n_rejected: int  #: frames whose label was refused
    starting_structures: int  #: of each set of data
    n_gap: int = 0  #: frames between training and validation data, which neither has
    data: tuple[DataSet, ...] = ()  #: those written by ensemble; else none

    def describe(self) -> str:
        """A few lines for the user."""
        nvt = self.nvt
        lines = [
            f"{self.n_molecules} waters in {self.box_A:.4f} Angstrom,"
            f" {self.density_g_cm3:.4f} g/cm3",
            f"NVT: {nvt.temperature_K:.1f} +- {nvt.temperature_error_K:.1f} K,"
            f" sigma {nvt.sigma_eV:.4f} +- {nvt.sigma_error_eV:.4f} eV",
        ]
        lines += [
            f"WTE, bias factor {one.biasfactor:g}: sigma {one.sigma_eV:.4f} +-"
            f" {one.sigma_error_eV:.4f} eV, {_against_nvt(one, nvt)}"
            for one in self.wte
        ]
        sets = self.data or (DataSet("", None, self.n_train, self.n_validation),)
        lines += [
            f"{one.n_train} frames to train on and {one.n_validation} to validate in"
            f" {self.output / DATA / one.folder}, {self.starting_structures} structures in"
            f" {self.output / CONF / one.folder}"
            for one in sets
        ]
        return "\n".join(lines)


def _against_nvt(one: Ensemble, nvt: Ensemble) -> str:
    without, biased = (WithError(each.sigma_eV, finite(each.sigma_error_eV)) for each in (nvt, one))
    found = width(without, biased, (one.biasfactor,), nvt.temperature_K)
    ratio, law = (
        "unknown" if each is None else f"{each.value:.2f} +- {_error(each.error)}"
        for each in (found.ratio, found.law)
    )
    return f"{ratio} of NVT's (by the law of its heat capacity: {law})"


def _error(error: float | None) -> str:
    return "?" if error is None else f"{error:.2g}"


def load_result(output: Path) -> InitResult:
    """Read the result of a finished ``wtemlp init`` from its folder.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    file = output / RESULT
    remedy = "remove it: the same wtemlp init makes it anew from what is in the folder"
    try:
        found = dict(read_record(file, remedy)["result"])
        nvt, wte = Ensemble(**found.pop("nvt")), [Ensemble(**one) for one in found.pop("wte")]
        sets = [DataSet(**one) for one in found.pop("data", [])]
        return InitResult(output=output, nvt=nvt, wte=tuple(wte), data=tuple(sets), **found)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(str(file), f"is damaged ({error})", remedy) from None
