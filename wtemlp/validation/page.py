"""A validation for the terminal: a table of the runs, one of the errors, the checks."""

from collections.abc import Sequence
from statistics import mean, stdev

from wtemlp.records.validation_record import GOOD, MODEL, Estimate, MdRun, Validation

MISSING = "-"


def as_text(found: Validation) -> str:
    """The tables; the verdict is not in them."""
    parts = [_table(_HEAD, _rows(found))]
    if found.parity:
        rows = [
            [
                one.data,
                f"model {one.model}",
                str(one.n_frames),
                f"{one.energy_rmse_meV_atom:.2f}",
                f"{one.energy_rmse_shifted_meV_atom:.2f}",
                f"{one.force_rmse_meV_A:.0f}",
            ]
            for one in found.parity
        ]
        parts.append(_table(_PARITY, rows))
    checks = [[one.answer, one.name, one.value, one.bound] for one in found.checks]
    parts.append(_table(["", "check", "found", "asked for"], checks, left=(0, 1, 2, 3)))
    if notes := _notes(found):
        parts.append("\n".join(notes))
    return "\n\n".join(parts)


def _notes(found: Validation) -> list[str]:
    notes = [
        f"{one.name}: {one.answer}: {one.note}"
        for one in found.checks
        if one.note and one.answer != GOOD
    ]
    who: dict[str, list[str]] = {}
    for run in found.md:
        for note in run.notes:
            who.setdefault(f"{run.ensemble.upper()}: {note}", []).append(_short(run))
    return [*notes, *(f"{', '.join(runs)}: {note}" for note, runs in who.items())]


def _short(run: MdRun) -> str:
    return f"{_who(run)} at {run.target_K:g} K"


_HEAD = [
    "",
    "T (K)",
    "mean T (K)",
    "fluct. T (K)",
    "U fluct. (eV)",
    "NVE drift (meV/atom/ns)",
    "D (1e-5 cm2/s)",
    "density (g/cm3)",
    "ended",
]
_PARITY = [
    "data",
    "",
    "frames",
    "energy RMSE (meV/atom)",
    "without offset",
    "force RMSE (meV/A)",
]


def _who(run: MdRun) -> str:
    return f"model {run.model}" if run.potential == MODEL else "reference"


def _rows(found: Validation) -> list[list[str]]:
    """One row for each job, and one for the models together, at each temperature."""
    rows = []
    for target_K in dict.fromkeys(run.target_K for run in found.md):
        nvts = found.runs(ensemble="nvt", target_K=target_K)
        of_models = [run for run in nvts if run.potential == MODEL]
        rows += [_row(found, run) for run in of_models]
        if len(of_models) > 1:
            rows.append(_together(found, of_models))
        rows += [_row(found, run) for run in nvts if run.potential != MODEL]
    return rows


def _parts(found: Validation, nvt: MdRun) -> dict[str, MdRun]:
    """All parts of a job, by ensemble."""
    runs = found.runs(potential=nvt.potential, model=nvt.model, target_K=nvt.target_K)
    return {run.ensemble: run for run in runs}


def _numbers(parts: dict[str, MdRun]) -> list[Estimate | None]:
    """A job's numbers, in the order of :data:`_DECIMALS`."""
    nvt, nve, npt = (parts.get(name) for name in ("nvt", "nve", "npt"))
    diffusion = next((run.diffusion[0] for run in parts.values() if run.diffusion), None)
    return [
        nvt.temperature_K if nvt else None,
        nvt.energy_std_eV if nvt else None,
        nve.total_energy_drift_meV_atom_ns if nve else None,
        diffusion.d_pbc if diffusion else None,
        npt.density_g_cm3 if npt else None,
    ]


_DECIMALS = (1, 3, 1, 2, 4)


def _row(found: Validation, nvt: MdRun) -> list[str]:
    parts = _parts(found, nvt)
    std, expected = nvt.temperature_std_K, nvt.temperature_std_expected_K
    fluctuation = MISSING if std is None else f"{std:.1f} of {expected:.1f}"
    failed = next((run.failed for run in parts.values() if run.failed), "")
    first, *others = map(_estimate, _numbers(parts), _DECIMALS)
    return [_who(nvt), f"{nvt.target_K:g}", first, fluctuation, *others, failed or "well"]


def _together(found: Validation, nvts: Sequence[MdRun]) -> list[str]:
    """The mean over the models, and their spread as its error."""
    cells = []
    numbers = zip(*(_numbers(_parts(found, nvt)) for nvt in nvts), strict=True)
    for values, decimals in zip(numbers, _DECIMALS, strict=True):
        known = [one.value for one in values if one is not None]
        spread = Estimate(mean(known), stdev(known)) if len(known) > 1 else None
        cells.append(_estimate(spread, decimals))
    return ["their mean +- spread", f"{nvts[0].target_K:g}", cells[0], MISSING, *cells[1:], ""]


def _estimate(value: Estimate | None, decimals: int) -> str:
    if value is None:
        return MISSING
    error = "" if value.error is None else f" +- {value.error:.{decimals}f}"
    return f"{value.value:.{decimals}f}{error}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """Columns aligned, those that say nothing left out."""
    kept = [
        column
        for column in range(len(head))
        if any(row[column] not in ("", MISSING) for row in rows)
    ]
    table = [head, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    lines = []
    for row in table:
        cells = [
            row[c].ljust(widths[c]) if c in left or c == len(head) - 1 else row[c].rjust(widths[c])
            for c in kept
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
