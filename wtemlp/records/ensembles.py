"""The ensembles that ``wtemlp init`` sampled, as they are kept in its ``ensembles.json``."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wtemlp.core.atomic_io import read_record, write_json
from wtemlp.core.errors import InputError

ENSEMBLES = "ensembles.json"  #: in the output folder of ``wtemlp init``


@dataclass(frozen=True)
class SampledEnsemble:
    """One ensemble, as its frames show it."""

    biasfactor: float | None  #: 1: no bias; None: OPES
    n_frames: int
    rdf: dict[str, tuple[list[float], list[float]]]
    """By ``"O-O"``: distance (Angstrom) and g(r)."""
    energy: tuple[list[float], list[float]]  #: energy of the box (eV) and its density (1/eV)
    energy_mean_eV: float
    energy_std_eV: float
    run: str = ""  #: name of the run; "" of a box of water
    diffusion_of: str = "O"  #: element
    diffusion: float | None = None  #: of its atoms in the periodic box, 1e-5 cm2/s
    diffusion_error: float | None = None  #: its standard error
    diffusion_fit_ps: tuple[float, float] | None = None  #: lags of the fit
    diffusion_note: str = ""  #: why there is none

    @property
    def title(self) -> str:
        """What it is called in figures and tables."""
        if self.run:
            return self.run
        return "NVT" if self.biasfactor == 1 else f"WTE g={self.biasfactor:g}"

    def describe(self) -> str:
        """A line for the user."""
        what = self.run
        if not what:
            what = "NVT" if self.biasfactor == 1 else f"WTE, bias factor {self.biasfactor:g}"
        if self.diffusion is None:
            return f"{what}: no self-diffusion coefficient, {self.diffusion_note}"
        error = "" if self.diffusion_error is None else f" +- {self.diffusion_error:.2f}"
        return f"{what}: self-diffusion {self.diffusion:.2f}{error} 1e-5 cm2/s, in this box"


def save_ensembles(path: Path, ensembles: Sequence[SampledEnsemble]) -> None:
    """Write the record; the folder must exist."""
    write_json(path, {"ensembles": [asdict(one) for one in ensembles]})


def load_ensembles(path: Path) -> list[SampledEnsemble]:
    """Read what :func:`save_ensembles` wrote.

    Raises
    ------
    InputError
        If it is not there, or damaged.
    """
    remedy = "remove init.json beside it, and give the same wtemlp init again"
    content = read_record(path, remedy)
    try:
        return [_read(one) for one in content["ensembles"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(str(path), f"is damaged ({error})", remedy) from None


def _read(one: dict[str, Any]) -> SampledEnsemble:
    fit = one["diffusion_fit_ps"]
    curves = {pair: (list(x), list(y)) for pair, (x, y) in one["rdf"].items()}
    more = {"rdf": curves, "energy": tuple(one["energy"])}
    return SampledEnsemble(**{**one, **more, "diffusion_fit_ps": tuple(fit) if fit else None})
