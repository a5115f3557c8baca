"""What a validation says that runs can be compared by."""

import math
from collections import defaultdict
from pathlib import Path

import numpy as np

from wtemlp.comparison.records import ComparedBin, ComparedRdf, DiffusionPair, Validated
from wtemlp.records import validation_record as validations
from wtemlp.records.validation_record import BinError, Estimate, MdRun, Validation


def read_validation(folder: Path) -> tuple[Validated | None, list[str]]:
    """The validation in a run's folder, if there is one, and what could not be read of it."""
    file = folder / validations.FOLDER / validations.FILE
    if not file.is_file():
        return None, []
    try:
        return validated(validations.load(file)), []
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        text = f"{error}".splitlines()[0] if f"{error}" else type(error).__name__
        return None, [f"{validations.FOLDER}/{validations.FILE} cannot be read ({text})"]


def validated(record: Validation) -> Validated:
    """What is compared of a validation.

    Parameters
    ----------
    record : Validation

    Returns
    -------
    Validated
    """
    return Validated(
        iteration=record.iteration,
        ok=record.ok,
        verdict=record.verdict,
        rdf={
            name: ComparedRdf(distance, record.rdf_noise.get(name))
            for name, distance in record.rdf_distance.items()
            if math.isfinite(distance.value)
        },
        diffusion=_diffusion(record),
        bins=_bins(record),
    )


def _diffusion(record: Validation) -> dict[str, DiffusionPair]:
    found: dict[str, dict[str, list[Estimate]]] = defaultdict(lambda: defaultdict(list))
    for run in record.md:
        if not run.failed:
            for one in run.diffusion:
                found[_name(run, one.what)][run.potential].append(one.d_pbc)
    return {
        name: DiffusionPair(
            together(parts[validations.MODEL]),
            together(parts[validations.REFERENCE]) if parts[validations.REFERENCE] else None,
        )
        for name, parts in found.items()
        if parts[validations.MODEL]
    }


def _name(run: MdRun, what: str) -> str:
    return f"{what} {run.target_K:g} K {run.ensemble.upper()}"


def together(parts: list[Estimate]) -> Estimate:
    """The mean of estimates, with the larger of their errors' and their scatter's error."""
    values = [part.value for part in parts]
    errors = [part.error for part in parts if part.error is not None]
    found = []
    if len(errors) == len(parts):
        found.append(math.sqrt(sum(error**2 for error in errors)) / len(parts))
    if len(parts) > 1:
        found.append(float(np.std(values, ddof=1)) / math.sqrt(len(parts)))
    return Estimate(float(np.mean(values)), max(found) if found else None)


def _bins(record: Validation) -> tuple[ComparedBin, ...]:
    """The energy bins, each with the errors of all models."""
    found: dict[tuple[str, float, float], list[BinError]] = defaultdict(list)
    for parity in record.parity:
        for one in parity.bins:
            found[(parity.data, one.low_eV_atom, one.high_eV_atom)].append(one)
    return tuple(
        ComparedBin(
            data=data,
            low_eV_atom=low,
            high_eV_atom=high,
            n_frames=parts[0].n_frames,
            energy_models=tuple(part.energy_rmse_meV_atom for part in parts),
            force_models=tuple(part.force_rmse_meV_A for part in parts),
        )
        for (data, low, high), parts in sorted(found.items(), key=lambda item: item[0])
        if parts[0].n_frames
    )
