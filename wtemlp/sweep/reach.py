"""The temperature that the widest bias factor's energies reach, from an unbiased run."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from wtemlp.analysis.energy import temperature_window
from wtemlp.config.keys.declare import MAX_TEMPERATURE_K
from wtemlp.config.records import Machines, Params
from wtemlp.core.atomic_io import read_record, write_json
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.planning import own_run, sources
from wtemlp.planning.plan import make_plan
from wtemlp.planning.sources import UnbiasedRun
from wtemlp.session.lock import locked
from wtemlp.session.progress import Reporter

FILE = "unbiased.json"


@dataclass(frozen=True)
class Unbiased:
    """The fluctuation of the potential energy without a bias."""

    sigma_eV: float
    temperature_K: float
    where: str  #: for people
    warnings: tuple[str, ...] = ()  #: why it may be off

    def highest_K(self, temperature_K: float, biasfactor: float) -> float:
        """The upper end of a bias factor's window at a temperature, K, to the nearest kelvin.

        ``T + sqrt(g k T^2 / C)``, with the heat capacity of the run.
        """
        half = temperature_window(self.sigma_eV, self.temperature_K, biasfactor)
        return float(round(temperature_K + half * temperature_K / self.temperature_K))


def recorded(folder: Path) -> Unbiased | None:
    """What an earlier call has measured; None if there was none.

    Raises
    ------
    InputError
        If the record is damaged.
    """
    if not (folder / FILE).exists():
        return None
    remedy = "remove it: it is measured anew"
    content = read_record(folder / FILE, remedy)
    try:
        found = Unbiased(**{**content, "warnings": tuple(content["warnings"])})
        sound = found.sigma_eV > 0 and found.temperature_K > 0
    except (TypeError, KeyError):
        sound = False
    if not sound:
        raise InputError(str(folder / FILE), "is damaged", remedy)
    return found


def find(params: Params, root: Path) -> UnbiasedRun | own_run.OwnRun:
    """The unbiased run to measure, or one to be done; nothing is written.

    Raises
    ------
    InputError
        If there is none and none can be done.
    """
    runs = sources.find(params, root)
    if runs:
        first = params.jobs[0]
        return min(
            runs,
            key=lambda run: (
                run.system not in (None, first.sys_idx[0]),
                abs(run.temperature_K - first.temps_K[0]),
            ),
        )
    try:
        return own_run.OwnRun(params, root, own_run.STEPS, None)
    except InputError as error:
        raise InputError(
            "--baseline highT",
            f"no unbiased run is in {root}, and none can be done here ({error.problem})",
            "give the temperature, as highT:400",
        ) from None


def measure(run: UnbiasedRun, params: Params) -> Unbiased:
    """Measure the fluctuation.

    Raises
    ------
    InputError
        If the run is too short.
    """
    plan = make_plan(run, params, (1.0,), None)
    return Unbiased(plan.nvt.sigma_eV, plan.nvt.temperature_K, run.where, plan.warnings)


def do_run(own: own_run.OwnRun, machines: Machines, reporter: Reporter) -> UnbiasedRun:
    """Do the short run.

    Raises
    ------
    CalculationError
        If it fails.
    """
    with locked(RunPaths(own.root / own_run.FOLDER)):
        return own.do(machines.fp, reporter)


def window_K(unbiased: Unbiased, params: Params, biasfactor: float) -> float:
    """The temperature of the baseline, K.

    Raises
    ------
    InputError
        If the window reaches beyond all sense.
    """
    found = unbiased.highest_K(params.jobs[0].temps_K[0], biasfactor)
    if not math.isfinite(found) or found > MAX_TEMPERATURE_K:
        raise InputError(
            "--baseline highT",
            f"bias factor {biasfactor:g} reaches {found:g} K by {unbiased.where}",
            "give a temperature of your own, as highT:400",
        )
    return found


def save(folder: Path, unbiased: Unbiased) -> None:
    """Keep what was measured, so that the same command means the same temperature again."""
    write_json(folder / FILE, asdict(unbiased))
