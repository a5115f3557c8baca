"""What is compared, as typed records: runs as their folders have them, before any judgement.

Everything is in eV, Angstrom, K; errors of models in meV/atom and meV/Angstrom; ``None`` is what
a run's folder does not say (yet).
"""

from dataclasses import dataclass, field
from pathlib import Path

from wtemlp.config.keys.labels import Picking
from wtemlp.records.validation_record import Estimate
from wtemlp.records.walkers import WalkerSummary
from wtemlp.report.widths import LikeWalkers, Widths

#: How an arm serves the others; "": a biased one, which is what they are held against.
BIASED, UNBIASED, RANDOM_PICKS, HIGH_T = "", "unbiased", "random", "highT"


@dataclass(frozen=True)
class ComparedArm:
    """What runs that differ by their seed alone have in common."""

    key: str  #: the same for all of its runs, and for no other
    name: str  #: short, as "g16-random"
    label: str  #: for a legend, as "γ = 16, random picks"
    biasfactors: tuple[float, ...]  #: asked for, ascending; empty: not known, or of windows
    temperature_K: float | None
    selection: str  #: how frames are picked: "deviation" or "random"
    baseline: str = BIASED

    @property
    def biasfactor(self) -> float | None:
        """The bias factor, where there is just one."""
        return self.biasfactors[0] if len(self.biasfactors) == 1 else None

    @property
    def random(self) -> bool:
        """Whether its frames are picked regardless of the deviation."""
        return self.selection == Picking.RANDOM


@dataclass(frozen=True)
class ComparedCurve:
    """Errors of one model on validation batches while it was trained; all tuples (n_rows,)."""

    model: int
    epochs: tuple[float, ...]  #: NaN where the length of an epoch is not known
    steps: tuple[float, ...]
    energy_meV_atom: tuple[float, ...]
    force_meV_A: tuple[float, ...]


@dataclass(frozen=True)
class Training:
    """The models of one iteration."""

    iteration: int
    labels: int | None  #: frames that the run had labelled by then
    frames: int | None  #: labelled frames that the models were trained on, the first ones included
    energy_models: tuple[float, ...]  #: RMSE on the validation data without offset, meV/atom
    force_models: tuple[float, ...]  #: RMSE, each model, meV/Angstrom
    correlation_models: tuple[float, ...] = ()  #: 1 - r of the energies, 1e-3
    offset_models: tuple[float, ...] = ()  #: mean of model less reference, meV/atom
    curves: tuple[ComparedCurve, ...] = ()

    @property
    def tested(self) -> bool:
        """Whether the errors of its forces are known."""
        return bool(self.force_models)


@dataclass(frozen=True)
class ComparedWalker:
    """One walker: how it was biased, how it fared, what became of its frames."""

    row: WalkerSummary
    sampling: str  #: as "g=16", "OPES 250-400 K"
    stopped: bool  #: by the guard; one that left a grid of the user's own is not
    explored: int | None = None  #: frames
    candidate: int | None = None  #: the labelled ones included
    failed: int | None = None


@dataclass(frozen=True)
class Exploration:
    """The walkers of one iteration."""

    iteration: int
    explored: int | None
    candidate: int | None
    failed: int | None
    labelled: int | None
    walkers: tuple[ComparedWalker, ...]
    lowered: tuple[str, ...] = ()  #: bias factors below those asked for, in words


@dataclass(frozen=True)
class Cost:
    """What one iteration took, by stage ("train", "explore", "label")."""

    iteration: int
    seconds: dict[str, float]  #: wall time
    core_hours: dict[str, float]
    gpu_hours: dict[str, float]


@dataclass(frozen=True)
class ComparedBin:
    """Errors of all models on the held-out frames of a range of energies."""

    data: str  #: name of the set
    low_eV_atom: float
    high_eV_atom: float
    n_frames: int
    energy_models: tuple[float, ...]  #: RMSE, meV/atom, each model
    force_models: tuple[float, ...]  #: meV/Angstrom


@dataclass(frozen=True)
class ComparedRdf:
    """How far the models' radial distribution is from the reference's: mean |g - g_ref|."""

    distance: Estimate
    floor: float | None  #: what two such runs of one potential differ by


@dataclass(frozen=True)
class DiffusionPair:
    """Self-diffusion with the models and with the reference, 1e-5 cm2/s, in the same box."""

    model: Estimate
    reference: Estimate | None


@dataclass(frozen=True)
class Validated:
    """What ``wtemlp validate`` found of a run, as far as it is compared."""

    iteration: int
    ok: bool
    verdict: str
    rdf: dict[str, ComparedRdf]  #: by "O-O 300 K"
    diffusion: dict[str, DiffusionPair]  #: by "O 300 K NVE"
    bins: tuple[ComparedBin, ...]


@dataclass(frozen=True)
class Run:
    """One run's folder."""

    name: str  #: unique among those compared
    folder: Path
    arm: ComparedArm
    seed: int
    status: str  #: "finished", or where it stands
    finished: bool
    system: str  #: what is simulated, as "H32 O16"; "" if that cannot be seen
    tested_on: str  #: fingerprint of the validation data; "" if there are none, or they have gone
    trainings: tuple[Training, ...]
    explorations: tuple[Exploration, ...]
    costs: tuple[Cost, ...]
    validated: Validated | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)  #: what could not be read

    def training(self, iteration: int) -> Training | None:
        """The training of an iteration."""
        return next((one for one in self.trainings if one.iteration == iteration), None)

    def widths(self, iteration: int) -> list[LikeWalkers]:
        """Widths of an iteration's walkers, those of one system, condition and bias together."""
        walkers = {one.iteration: [w.row for w in one.walkers] for one in self.explorations}
        return Widths(walkers).each(iteration)

    def before(self, iteration: int) -> tuple[Exploration, ...]:
        """The explorations whose labels the training of an iteration had."""
        return tuple(one for one in self.explorations if one.iteration < iteration)
