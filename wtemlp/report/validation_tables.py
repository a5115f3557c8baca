"""Tables of a validation: what was asked of the models, and what their MD gave."""

from wtemlp.core.formatting import number
from wtemlp.records.validation_record import NOT_GOOD, Estimate, MdRun, Validation
from wtemlp.report.figures.validation_curves import run_name
from wtemlp.report.table import MISSING, Column, Table

_RUNS = (
    Column("T", "K"),
    Column("ensemble", text=True),
    Column("potential", text=True),
    Column("time", "ps"),
    Column("mean T", "K"),
    Column("σ of T", "K (canonical)"),
    Column("drift of E", "meV/atom/ns"),
    Column("pressure", "bar"),
    Column("density", "g/cm³"),
    Column("bulk modulus", "GPa"),
    Column("D", "10⁻⁵ cm²/s"),
    Column("D corrected", "10⁻⁵ cm²/s"),
    Column("ended early", text=True),
)


def check_table(found: Validation) -> Table:
    """The questions that the verdict asks, those that failed marked."""
    columns = [Column(name, text=True) for name in ("check", "found", "must be", "answer", "note")]
    rows = [[one.name, one.value, one.bound, one.answer, one.note] for one in found.checks]
    failed = (i for i, one in enumerate(found.checks) if one.answer == NOT_GOOD)
    return Table(columns, rows, frozenset(failed))


def run_table(found: Validation) -> Table:
    """The MD runs; columns that say nothing are left out."""
    runs = sorted(
        found.md,
        key=lambda run: (run.target_K, run.ensemble, run.potential == "model", run.model or 0),
    )
    rows = [_run_row(run) for run in runs]
    kept = [
        place for place in range(len(_RUNS)) if any(row[place] not in ("", MISSING) for row in rows)
    ]
    cells = [[row[place] for place in kept] for row in rows]
    failed = frozenset(i for i, run in enumerate(runs) if run.failed)
    return Table([_RUNS[place] for place in kept], cells, failed)


def _run_row(run: MdRun) -> list[str]:
    spread = number(run.temperature_std_K)
    if run.temperature_std_K is not None and run.temperature_std_expected_K is not None:
        spread += f" ({number(run.temperature_std_expected_K)})"
    moves = run.diffusion[0] if run.diffusion else None
    return [
        f"{run.target_K:g}",
        run.ensemble.upper(),
        run_name(run),
        f"{run.steps_done * run.timestep_fs / 1000:g}",
        in_words(run.temperature_K, 4),
        spread,
        in_words(run.total_energy_drift_meV_atom_ns),
        in_words(run.pressure_bar),
        in_words(run.density_g_cm3, 4),
        in_words(run.bulk_modulus_GPa),
        in_words(moves.d_pbc if moves else None),
        in_words(moves.d_corrected if moves else None),
        run.failed,
    ]


def in_words(estimate: Estimate | None, digits: int = 3) -> str:
    """A number and its standard error, to the error's second digit."""
    if estimate is None:
        return MISSING
    if not estimate.error:
        return number(estimate.value, digits)
    error = number(estimate.error, 2)
    decimals = len(error.partition(".")[2])
    return f"{estimate.value:.{decimals}f} ± {error}"


def distance_table(found: Validation) -> Table:
    """How far the models' radial distributions are from the reference's."""
    columns = [Column("radial distribution", text=True), Column("distance")]
    rows = [[name, in_words(value)] for name, value in found.rdf_distance.items()]
    return Table(columns, rows)
