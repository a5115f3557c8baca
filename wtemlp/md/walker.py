"""One exploration task: everything that its LAMMPS job depends on."""

from dataclasses import dataclass, field

from wtemlp.config.keys.wte import Extra, Guard, Method
from wtemlp.core import paths

MAX_COLVAR_STRIDE = 10  #: steps
OBSERVATION = 100  #: updates; PLUMED's own choice
MIN_OBSERVATION = 30  #: of fewer, PLUMED chooses too few temperatures to fill the window


@dataclass(frozen=True)
class SharedHills:
    """Where walkers that fill one bias together keep their hills."""

    folder: str  #: relative to the walker's folder
    walkers: int
    walker: int  #: this one's number

    @property
    def file(self) -> str:
        """This walker's hills, as PLUMED names them."""
        return f"{self.folder}/{paths.HILLS}.{self.walker}"

    @property
    def all_made(self) -> str:
        """A shell command that makes the files of all walkers, however many there are.

        Without quotes and dollar signs, which LAMMPS would take for its own.
        """
        names = f"{self.folder}/{paths.HILLS}.%.0f"
        return f"seq -f {names} 0 {self.walkers - 1} | xargs touch"


@dataclass(frozen=True)
class Walker:
    """One exploration task: everything that its script depends on."""

    graphs: tuple[str, ...]  #: model files, relative to the task's folder
    type_map: tuple[str, ...]
    mass_map: tuple[float, ...]  #: g/mol
    temperature_K: float
    biasfactor: float | None  #: None: that which covers `window_K`, from the measured sigma
    sigma_eV: float | None  #: None: measured
    height_kT: float | None  #: None: chosen with the pace
    pace: int | None  #: None: chosen, from the measured correlation time of the energy
    nvt_steps: int
    nsteps: int
    trj_freq: int
    timestep_ps: float
    trust_hi: float  #: eV/Angstrom
    guard: Guard
    velocity_seed: int
    thermostat_seed: int
    checkpoint: int = 0  #: steps of the biased part between checkpoints; 0: none
    merged: bool = True  #: whether its frames are in one file
    method: str = Method.WTE
    pressure_bar: float | None = None  #: None: constant volume
    barostat: str = ""  #: what of the cell moves: "iso", "aniso", "tri"
    barostat_ps: float = 0.5
    data_volumes_A3: tuple[float, float] | None = None
    """Smallest and largest volume of as many atoms in the labelled frames; None: not known."""
    shared: SharedHills | None = None  #: None: hills of its own
    extra: Extra = field(default_factory=Extra)
    previous_mean_eV: float | None = None
    """Mean energy of the model whose hills are in ``previous.hills``; None: no such file."""
    devi_words: str = ""  #: more words of ``pair_style deepmd``
    d3: str = ""  #: arguments of ``pair_style dispersion/d3``; "": none
    neigh: str = ""  #: arguments of ``neigh_modify``; "": LAMMPS's own
    thermostat_ps: float = 0.1  #: its relaxation time
    window_K: tuple[float, float] | None = None  #: temperatures whose energies are to be covered
    biasfactor_cap: float | None = None  #: the largest that `window_K` may come to; None: any

    @property
    def colvar_stride(self) -> int:
        """Steps between recorded energies: divides `trj_freq`, so that frames have theirs."""
        return max(n for n in range(1, MAX_COLVAR_STRIDE + 1) if self.trj_freq % n == 0)

    @property
    def biased(self) -> bool:
        """Whether there is a bias at all."""
        return self.biasfactor != 1

    @property
    def observation(self) -> int:
        """First, unbiased updates of OPES."""
        return observation(self.nsteps, self.pace)

    @property
    def chooses_hills(self) -> bool:
        """Whether it chooses how often hills fall, once it has measured the energy."""
        return self.biased and self.pace is None

    @property
    def segment(self) -> int:
        """Steps between two looks of the deviation guard."""
        return self.guard.devi_checks * self.trj_freq


def observation(steps: int, pace: int | None) -> int:
    """First, unbiased updates of OPES in a run of so many steps, one every `pace`."""
    updates = 0 if pace is None else steps // pace
    return min(OBSERVATION, max(MIN_OBSERVATION, updates // 10))
