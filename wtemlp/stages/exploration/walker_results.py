"""What a walker's job left in its folder: its frames, and how it fared."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wtemlp.analysis.energy import (
    equilibrated,
    filled,
    statistical_inefficiency,
    walker_biasfactor,
)
from wtemlp.analysis.frames import Decision, FrameTable, Phase
from wtemlp.analysis.reweighting import distributions, hills_bias
from wtemlp.core import paths
from wtemlp.core.errors import CalculationError
from wtemlp.core.fixed_width import read_columns
from wtemlp.md import colvar, energy_file, plumed_input
from wtemlp.md.bias.measured import parse_sigma, parse_volume
from wtemlp.md.lammps_log import thermo_column
from wtemlp.md.text_table import TextTable, read_table
from wtemlp.md.trajectory import are_stored, join_beads, trajectory
from wtemlp.md.walker_energies import read_energies
from wtemlp.md.walker_record import TEMPLATE, WalkerRecord, read_record
from wtemlp.records.walkers import CountedEnergies, WalkerSummary

Series = Mapping[str, np.ndarray]  #: recorded columns by name, each (n,)
#: Of a model_devi.out whose header does not name them: those of DeePMD-kit 2 and later.
_COLUMNS = (
    "step",
    "max_devi_v",
    "min_devi_v",
    "avg_devi_v",
    "max_devi_f",
    "min_devi_f",
    "avg_devi_f",
)
#: What PLUMED says when a variable is where METAD has no grid.
_OFF_GRID = re.compile(r"outside the grid along the \d+ dimension \(arg name: ([^)\s]+)\)")


ALONE = (
    "have an atom on which all models agree to the last digit, as on one without neighbours within "
    "the cut-off: they count as failed"
)


class Rows(NamedTuple):
    """The frames of a ``model_devi.out``, each array of shape (n,)."""

    steps: np.ndarray
    virials: np.ndarray  #: largest deviations, eV/atom; NaN where there are none
    forces: np.ndarray  #: largest deviations, eV/Angstrom
    alone: np.ndarray
    """Whether the models agree on the force on some atom to the last digit: of one without
    neighbours they know nothing, and all say 0."""


def read_deviations(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Steps and largest force deviations of a ``model_devi.out``: of :func:`read_rows`.

    Returns
    -------
    np.ndarray, np.ndarray
        Steps, (n,); largest force deviations, (n,), eV/Angstrom.
    """
    rows = read_rows(file)
    return rows.steps, rows.forces


def read_rows(file: Path) -> Rows:
    """Steps and largest deviations of a ``model_devi.out``.

    The rows at the seam of two runs are written twice, and a fix may have the models evaluated
    several times in a step: the last of equal steps counts.  A job
    that went on from a checkpoint has another trajectory from there on, so what was written after
    the checkpoint before is left out, as its energies are (:func:`wtemlp.md.colvar.read_series`):
    those frames are not of the walker that came to the end, or was stopped.  The last row of a
    stopped job may be cut: an incomplete row is dropped.  Columns are read by their names: where
    DeePMD-kit 1 has written deviations of the energy, there are none of the virial.
    """
    table = _sound_columns(file.read_bytes()) or _deviations(file).columns
    if "max_devi_f" not in table:
        return Rows(np.empty(0, dtype=int), np.empty(0), np.empty(0), np.empty(0, dtype=bool))
    known = np.isfinite(table["step"])
    steps, forces = table["step"][known], table["max_devi_f"][known]
    virials = np.full(len(steps), np.nan)
    if "max_devi_v" in table:
        # NaN is what nobody has computed; a deviation that is no number is as bad as infinite.
        virials = table["max_devi_v"][known]
        energies = table.get("max_devi_e", np.full(len(table["step"]), np.nan))[known]
        virials[np.isnan(virials) & np.isnan(energies)] = np.inf
    later = np.minimum.accumulate(steps[::-1])[::-1]  # the earliest step from each row on
    last = np.append(steps[:-1] < later[1:], True) if len(steps) else np.empty(0, dtype=bool)
    alone = _alone(table, forces, known)
    return Rows(steps[last].astype(int), virials[last], forces[last], alone[last])


def _alone(table: Mapping[str, np.ndarray], largest: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Where the smallest deviation is exactly 0, and not a column that nobody has filled in."""
    unknown = np.full(len(known), np.nan)
    smallest, mean = (table.get(f"{of}_devi_f", unknown)[known] for of in ("min", "avg"))
    alone: np.ndarray = (smallest == 0) & ~((mean == 0) & (largest > 0))
    return alone


def _sound_columns(content: bytes) -> dict[str, np.ndarray]:
    """The columns that count of a ``model_devi.out`` that one job has written; else nothing."""
    begin = content.find(b"\n") + 1
    wanted = ("step", "max_devi_v", "max_devi_f", "min_devi_f", "avg_devi_f")
    names = _deviation_names(content[:begin].decode(errors="replace"))
    if content[:1] != b"#" or names is None or not set(wanted) <= set(names):
        return {}
    found = read_columns(content, begin, len(names), [names.index(name) for name in wanted])
    return {} if found is None else dict(zip(wanted, found, strict=True))


def _deviations(file: Path) -> TextTable:
    """The table in a ``model_devi.out``."""
    return read_table(file.read_text(errors="replace"), _deviation_names, _COLUMNS, more=True)


def _deviation_names(comment: str) -> Sequence[str] | None:
    """The columns that a header names, as far as all rows have them (not those of atoms)."""
    names = comment.lstrip("#").split()
    if "max_devi_f" in names:
        return ["step", *names[1 : len(_COLUMNS)]]
    return _COLUMNS if names[:1] == ["step"] else None


def remarks(folder: Path) -> list[str]:
    """What PLUMED warned of, and what of a walker's records is cut, damaged or of another kind."""
    logs = (*folder.glob("plumed.*.log"), *folder.glob(f"{paths.PLUMED_OUTPUT}*"))
    found = [f"PLUMED warns: {line}" for line in plumed_input.warnings_in(*logs)]
    for name in (paths.COLVAR_NVT, paths.COLVAR_WTE, paths.HILLS):
        if rows := colvar.rows_left_out(folder / name):
            found.append(f"{rows} rows of {name} are cut or damaged and left out")
    file = folder / paths.MODEL_DEVI
    if file.is_file():
        if n_alone := int(read_rows(file).alone.sum()):
            found.append(f"{n_alone} frames {ALONE}")
        table = TextTable({}) if _sound_columns(file.read_bytes()) else _deviations(file)
        if table.left_out:
            found.append(f"{table.left_out} rows of {file.name} are cut or damaged and left out")
        if "max_devi_e" in table.columns and "max_devi_v" not in table.columns:
            found.append(
                f"{file.name} is of DeePMD-kit 1, with deviations of the energy and none of the "
                "virial: its frames are judged by the forces alone"
            )
    return found


def read_walker(
    folder: Path, checks: int, timestep_ps: float | None, stored: bool = True
) -> tuple[FrameTable, WalkerSummary, CountedEnergies]:
    """What a walker's job left in its folder.

    Parameters
    ----------
    folder : Path
    checks : int
        Last frames of a walker that had left the physical world, and was stopped, that are FAILED
        whatever their deviation.
    timestep_ps : float
    stored : bool
        Whether to take only frames that are in its trajectory; else all of its deviation file.

    Returns
    -------
    FrameTable, WalkerSummary, CountedEnergies
        Its frames, how it fared, and the energies that its widths are from.

    Raises
    ------
    CalculationError
        If its trajectory is not whole.
    """
    made = read_record(folder)
    stopped = (
        (folder / paths.STOPPED).read_text().strip() if (folder / paths.STOPPED).exists() else ""
    )
    if made.n_beads:
        join_beads(folder, made.n_beads)
    if stored:
        rows = _stored_frames(folder, bool(stopped), made)
    else:
        rows = read_rows(folder / paths.MODEL_DEVI)
    steps = rows.steps
    nvt, wte = read_energies(folder, made)
    if made.method == TEMPLATE or made.timestep_ps is not None:
        timestep_ps = made.timestep_ps
    left = _left_grid(stopped, made, wte)
    energies, biases = _frame_energies(steps, nvt, wte, timestep_ps)
    measured = _measured(folder, made)

    def column(value: float, kind: type = float) -> np.ndarray:
        return np.broadcast_to(np.array(value, dtype=kind), len(steps))

    table = FrameTable(
        system=column(made.system, np.int32),
        task=column(int(folder.name.split(".")[-1]), np.int32),
        walker=column(made.walker, np.int32),
        biasfactor=column(measured[2]),
        temperature_K=column(np.nan if made.temperature_K is None else made.temperature_K),
        phase=np.where(steps <= made.nvt_steps, int(Phase.NVT), int(Phase.WTE)).astype(np.int8),
        step=steps,
        energy_eV=energies,
        bias_eV=biases,
        max_devi_f=rows.forces,
        decision=_decisions(rows, checks if stopped and not left else 0),
        max_devi_v=rows.virials,
    )
    counted = CountedEnergies.of(nvt, wte)
    summary = replace(
        _walker_summary(folder, made, measured, counted),
        stopped=left or stopped,
        left_grid=bool(left),
        alone=int(rows.alone.sum()),
    )
    return table, _with_volumes(summary, folder, made), counted


def _decisions(rows: Rows, n_lost: int) -> np.ndarray:
    """What is known before the deviations are looked at; `n_lost`: last frames of a lost walker."""
    decision = np.full(len(rows.steps), int(Decision.ACCURATE), dtype=np.int8)
    # The guard looks back over these; what came before stands on its deviation alone.
    decision[len(decision) - min(n_lost, len(decision)) :] = int(Decision.FAILED)
    decision[rows.alone] = int(Decision.FAILED)
    return decision


def _with_volumes(summary: WalkerSummary, folder: Path, made: WalkerRecord) -> WalkerSummary:
    """A walker's summary with the volumes that it had, at constant pressure."""
    if made.pressure_bar is None or not made.generated:
        return summary
    file = folder / paths.SIGMA
    mean = parse_volume(file.read_text() if file.exists() else "")
    steps, volumes = thermo_column(folder / paths.LMP_LOG, "Volume")
    biased = volumes[(steps > made.nvt_steps) & np.isfinite(volumes)]
    return replace(
        summary,
        volume_A3=mean if np.isfinite(mean) else None,
        volume_low_A3=float(biased.min()) if len(biased) else None,
        volume_high_A3=float(biased.max()) if len(biased) else None,
    )


def _left_grid(stopped: str, made: WalkerRecord, wte: Series) -> str:
    """Why a walker ended, if it left the grid of one of the user's own variables; else "".

    Nothing was wrong with it: the bias there is not defined, so PLUMED ends the run.
    """
    found = _OFF_GRID.search(stopped)
    own = {one.name: one for one in (made.own.variables if made.own else ())}
    one = own.get(found[1]) if found else None
    if one is None:
        return ""
    values = wte.get(one.name, np.empty(0))
    ends = [end for end in (one.minimum, one.maximum) if not isinstance(end, str)]
    what, last = "min or max", ""
    if len(values) and len(ends) == 2:
        what = "min" if abs(values[-1] - ends[0]) < abs(values[-1] - ends[1]) else "max"
        last = f", last seen at {values[-1]:.6g}"
    return (
        f"{one.name} left its grid of {one.minimum} to {one.maximum}{last}: give it a wider "
        f"{what} in wte.variables, or a wall in wte.plumed"
    )


def _measured(folder: Path, made: WalkerRecord) -> tuple[float, float, float]:
    """Mean and sigma of NVT, eV, and the bias factor; NaN what was not measured."""
    file = folder / paths.SIGMA
    mean, sigma, biasfactor = parse_sigma(file.read_text() if file.exists() else "")
    given = made.biasfactor
    return mean, sigma, biasfactor if given is None else float(given)


def write_distributions(folder: Path) -> None:
    """Write ``P_energy.dat`` of a walker: its energies in NVT, biased, and reweighted to NVT.

    Nothing is written where there is too little to tell, or where the bias is not a function of
    the energy and of this walker's hills alone, or is not known to be: a template's.
    """
    made = read_record(folder)
    if made.share_hills or made.variables or not made.generated:
        return
    _, _, biasfactor = _measured(folder, made)
    nvt, wte = read_energies(folder, made)
    energies = filled(wte.get("ene", np.empty(0)))
    temperature_K = made.temperature_K
    if not nvt or not len(energies) or not np.isfinite(biasfactor) or temperature_K is None:
        return
    hills = colvar.read(folder / paths.HILLS)
    if plumed_input.OPES_BIAS in wte:
        bias = filled(wte[plumed_input.OPES_BIAS])
    elif "sigma_ene" in hills:
        bias = hills_bias(energies, hills)
    elif biasfactor == 1:
        bias = np.zeros(len(energies))
    else:
        return
    if not np.isfinite(bias).all():
        return  # a part of the record has no bias
    found = distributions(equilibrated(nvt["ene"]), energies, bias, temperature_K, biasfactor)
    if found is not None:
        stopped = (folder / paths.STOPPED).exists()
        energy_file.write(folder / paths.P_ENERGY, found, temperature_K, biasfactor, stopped)


def _asked(made: WalkerRecord, sigma_eV: float | None) -> float | None:
    """The largest bias factor of the parameter file that the walker stands for."""
    temperature_K = made.temperature_K
    if made.window_K is None or sigma_eV is None or temperature_K is None:
        return max(made.biasfactor_asked, default=None)
    return walker_biasfactor(sigma_eV, temperature_K, made.window_K)


def _stored_frames(folder: Path, stopped: bool, made: WalkerRecord) -> Rows:
    """The frames that are in a walker's trajectory.

    Only a walker that was stopped may lack some: the job ended before they were written; and one
    with a script of the user's own, which may begin to store frames when it likes.
    """
    rows = read_rows(folder / paths.MODEL_DEVI)
    template = not made.generated
    if not (stopped or template):
        return rows  # all are there: those that are chosen are looked for
    stored = are_stored(folder, rows.steps)
    if template and not stopped and not stored.any():
        raise CalculationError(
            f"{folder}: no step of {paths.MODEL_DEVI} has a frame in {trajectory(folder).name}; a "
            "template must run with the dump, and store frames at multiples of trj_freq"
        )
    return Rows(*(column[stored] for column in rows))


def _frame_energies(
    steps: np.ndarray, nvt: Series, wte: Series, timestep_ps: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Energy and bias of each frame, eV; NaN where none was recorded, or no step is known."""
    if timestep_ps is None or not (nvt or wte):
        return np.broadcast_to(np.nan, len(steps)), np.broadcast_to(0.0, len(steps))
    energies, biases = np.full(len(steps), np.nan), np.zeros(len(steps))
    for series in (nvt, wte):
        if not series:
            continue
        none = np.zeros(len(series["time"]))
        bias = next((series[name] for name in plumed_input.BIAS_COLUMNS if name in series), none)
        recorded = np.rint(series["time"] / timestep_ps).astype(int)
        rows = np.searchsorted(steps, recorded)
        found = np.flatnonzero(rows < len(steps))
        found = found[steps[rows[found]] == recorded[found]]
        energies[rows[found]], biases[rows[found]] = series["ene"][found], bias[found]
    return energies, biases


def _walker_summary(
    folder: Path,
    made: WalkerRecord,
    measured: tuple[float, float, float],
    counted: CountedEnergies,
) -> WalkerSummary:
    unbiased, biased = counted.nvt_eV, counted.wte_eV
    inefficiency = None
    mean, sigma, biasfactor = (value if np.isfinite(value) else None for value in measured)
    if len(unbiased) > 2:
        inefficiency = float(statistical_inefficiency(unbiased))
    return WalkerSummary(
        name=folder.name,
        system=made.system,
        method=made.method,
        biasfactor=biasfactor,
        biasfactor_asked=_asked(made, sigma),
        window_K=made.window_K,
        biases_energy=made.biases_energy,
        temperature_K=made.temperature_K,
        pressure_bar=made.pressure_bar,
        walker=made.walker,
        mean_nvt_eV=mean,
        sigma_nvt_eV=sigma,
        mean_wte_eV=float(biased.mean()) if len(biased) else None,
        sigma_wte_eV=float(biased.std()) if len(biased) else None,
        n_nvt=len(unbiased),
        n_wte=len(biased),
        statistical_inefficiency=inefficiency,
    )
