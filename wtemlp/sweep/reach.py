"""The temperature that the widest bias factor's energies reach, from an unbiased run."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from wtemlp.analysis.energy import temperature_window
from wtemlp.config.records import Machines, Params
from wtemlp.config.wte import MAX_TEMPERATURE_K
from wtemlp.errors import CalculationError, InputError
from wtemlp.files import read_record, write_json
from wtemlp.lock import locked
from wtemlp.paths import RunPaths
from wtemlp.planning import own_run, sources
from wtemlp.planning.plan import make_plan
from wtemlp.planning.sources import UnbiasedRun
from wtemlp.progress import Reporter

FILE = "unbiased.json"


@dataclass(frozen=True)
class Unbiased:
    """The fluctuation of the potential energy without a bias."""

    sigma_eV: float
    temperature_K: float
    where: str  #: for people

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
        found = Unbiased(**content)
        sound = found.sigma_eV > 0 and found.temperature_K > 0
    except TypeError:
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
            runs, key=lambda run: (run.system not in (None, first.sys_idx[0]),
                                   abs(run.temperature_K - first.temps_K[0])),
        )  # fmt: skip
    try:
        return own_run.OwnRun(params, root, own_run.STEPS, None)
    except InputError as error:
        raise InputError(
            "--baseline highT", f"no unbiased run is in {root}, and none can be done here "
            f"({error.problem})", "give the temperature, as highT:400",
        ) from None


def measure(
    source: UnbiasedRun | own_run.OwnRun, params: Params, machines: Machines, reporter: Reporter
) -> Unbiased:
    """Measure the fluctuation; a run that is to be done is done.

    Raises
    ------
    InputError
        If the run is too short.
    CalculationError
        If it fails.
    """
    if isinstance(source, own_run.OwnRun):
        with locked(RunPaths(source.root / own_run.FOLDER)):
            source = source.do(machines.fp, reporter)
    plan = make_plan(source, params, (1.0,), None)
    for warning in plan.warnings:
        reporter.say(f"warning: {warning}")
    return Unbiased(plan.nvt.sigma_eV, plan.nvt.temperature_K, source.where)


def window_K(unbiased: Unbiased, params: Params, biasfactor: float) -> float:
    """The temperature of the baseline, K.

    Raises
    ------
    CalculationError
        If the window reaches beyond all sense.
    """
    found = unbiased.highest_K(params.jobs[0].temps_K[0], biasfactor)
    if not math.isfinite(found) or found > MAX_TEMPERATURE_K:
        raise CalculationError(
            f"the window of bias factor {biasfactor:g} reaches {found:g} K by {unbiased.where}; "
            "give a temperature of your own, as --baseline highT:400"
        )
    return found


def save(folder: Path, unbiased: Unbiased) -> None:
    """Keep what was measured, so that the same command means the same temperature again."""
    write_json(folder / FILE, asdict(unbiased))
