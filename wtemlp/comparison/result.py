"""What a comparison finds, as typed records; table, figures and page are views of it."""

from dataclasses import dataclass, replace

from wtemlp.analysis.intervals import Interval
from wtemlp.comparison.records import HIGH_T, ComparedArm, Run
from wtemlp.records.validation_record import Estimate

SEEDS, MODELS = "seeds", "models"  #: what an interval is over

BETTER, WORSE, UNTOLD, UNEQUAL, ONE_SEED = (
    "better",
    "worse",
    "no difference can be told",
    "labels differ",
    "no verdict (one seed)",
)


@dataclass(frozen=True)
class Error:
    """An error of an arm's models, with its 95 % confidence interval."""

    interval: Interval
    source: str  #: :data:`SEEDS`: over the arm's runs; :data:`MODELS`: over one run's ensemble
    samples: tuple[float, ...]  #: the values that the interval is of
    seeds: tuple[int, ...] = ()  #: of each value, over seeds


@dataclass(frozen=True)
class EpochError:
    """Errors on validation batches at some epoch of the training at the budget."""

    epochs: float
    force: Error | None  #: meV/Angstrom
    energy: Error | None  #: meV/atom


@dataclass(frozen=True)
class Spending:
    """What a run takes until the models at the budget are trained; means over an arm's runs."""

    seconds: float | None  #: wall time
    core_hours: float | None
    gpu_hours: float | None
    by_stage: dict[str, float]  #: core hours, else hours of wall time
    unit: str  #: of ``by_stage``


@dataclass(frozen=True)
class ArmResult:
    """One arm at the common budget."""

    arm: ComparedArm
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    domain: tuple[str, str]  #: system, and fingerprint of the validation data; "": not known
    iterations: tuple[int, ...]  #: of the models compared, each run's
    labels: tuple[int, ...]  #: that these had, each run's
    force: Error | None  #: RMSE on the validation data, meV/Angstrom
    energy: Error | None  #: RMSE without the offset of each composition, meV/atom
    correlation: Error | None  #: 1 - r of energies within a composition, 1e-3
    offset: Error | None  #: mean of model less reference, meV/atom: told, and not judged
    high_energy_force: Error | None  #: RMSE in the upper half of the validation's energy bins
    epochs: tuple[EpochError, ...]
    explored: int  #: frames, until then
    candidates: Estimate | None  #: fraction of the explored frames
    failed: Estimate | None
    walkers: int
    stopped: int  #: walkers that the guard stopped
    ratio: Estimate | None  #: sigma_WTE / sigma_NVT
    law: Estimate | None  #: what a converged bias gives, for the heat capacity that sigma_NVT shows
    reached: Estimate | None  #: the ratio over that
    spread_eV: Estimate | None  #: sigma_WTE of the box
    window_K: Estimate | None  #: half-width of the temperature window that this is worth
    window_expected_K: Estimate | None  #: by the law
    spending: Spending
    validated: bool | None  #: whether all of its validations say yes; None: there is none
    flags: tuple[str, ...]  #: what a reader must know before trusting it

    @property
    def can_be_recommended(self) -> bool:
        """Whether it is no mere baseline, and has a bias factor."""
        baseline = self.arm.random or self.arm.baseline == HIGH_T
        return not baseline and bool(self.arm.biasfactors)

    @property
    def most_labels(self) -> int | None:
        """Labels of the run that has most."""
        return max(self.labels, default=None)


@dataclass(frozen=True)
class Difference:
    """An arm held against another: the arm's error minus the other's, negative is better."""

    arm: str  #: :attr:`wtemlp.comparison.records.ComparedArm.key`
    other: str
    quantity: str  #: "force", "energy", "high_energy_force"
    unit: str
    interval: Interval | None
    source: str  #: as of :class:`Error`; "seeds and models" where the two differ
    labels: tuple[int, ...]
    other_labels: tuple[int, ...]
    verdict: str  #: of the five above
    p_value: float | None = None  #: adjusted for all tests of the comparison; None: not tested
    tests: int = 0  #: how many those are
    baseline: bool = False  #: whether the other is a baseline of the arm

    def turned(self) -> "Difference":
        """The other minus this one."""
        interval = self.interval and replace(self.interval, mean=-self.interval.mean)
        return replace(
            self,
            arm=self.other,
            other=self.arm,
            interval=interval,
            labels=self.other_labels,
            other_labels=self.labels,
            verdict={BETTER: WORSE, WORSE: BETTER}.get(self.verdict, self.verdict),
        )


@dataclass(frozen=True)
class Budget:
    """The number of labels at which arms are compared."""

    labels: int | None  #: None: no model was tested yet
    equal: bool  #: whether all runs have it, to :data:`wtemlp.comparison.budget.TOLERANCE`
    limited_by: str  #: name of the run that has fewest; "" where all have the same
    iterations: dict[str, int]  #: of each run, the iteration whose models are compared


@dataclass(frozen=True)
class Recommendation:
    """A bias factor to use, and why."""

    biasfactor: float | None  #: None: none can be recommended
    arm: str  #: key; "" if none
    clear: bool  #: whether it is told apart from all others by its error
    sentence: str
    reasons: tuple[str, ...]
    next_step: str  #: what would tell more; "" if nothing is open

    @property
    def text(self) -> str:
        """All of it, as lines."""
        more = [f"- {reason}" for reason in self.reasons]
        return "\n".join([self.sentence, *more, *([self.next_step] if self.next_step else [])])


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other."""

    runs: tuple[Run, ...]
    budget: Budget
    arms: tuple[ArmResult, ...]
    differences: tuple[Difference, ...]  #: biased arms against the baselines
    recommendation: Recommendation
    notes: tuple[str, ...]  #: what is missing, and what cannot be compared

    def of(self, key: str) -> ArmResult:
        """The arm of a key."""
        return next(one for one in self.arms if one.arm.key == key)

    @property
    def trained_only(self) -> bool:
        """Whether the runs are done and none has explored: there is nothing to say of that."""
        return all(run.finished and not run.explorations for run in self.runs)

    def runs_of(self, key: str) -> tuple[Run, ...]:
        """The runs of an arm."""
        return tuple(run for run in self.runs if run.arm.key == key)
