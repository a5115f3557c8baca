"""What a parameter file, a machine file and an init file say, as frozen records.

Nothing else in wtemlp looks into the raw dictionaries, but the adapter that hands
:attr:`Params.jdata` to DP-GEN.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Guard:
    """When a walker has left the physical world (``wte.guard``)."""

    devi_factor: float = 3.0  #: force deviation above this many times the upper trust level ...
    devi_checks: int = 3  #: ... on this many successive outputs stops the walker
    temp_factor: float = 3.0  #: instantaneous temperature above this many times the target
    energy_sigmas: float = 10.0  #: |U - <U>_NVT| above this many sigma_NVT sqrt(biasfactor)


@dataclass(frozen=True)
class ExtraVariable:
    """A collective variable of the user's own that is biased (``wte.variables[i]``)."""

    name: str  #: PLUMED label of the value, as ``"d"`` or ``"c.x"``
    sigma: float  #: width of the hills, in the variable's unit (Angstrom, radian, ...)
    minimum: float | str  #: bounds of the grid; ``"-pi"`` and ``"pi"`` make it periodic
    maximum: float | str


@dataclass(frozen=True)
class Extra:
    """The user's own PLUMED lines, and what of them is biased."""

    lines: str = ""  #: text for the PLUMED input; Angstrom, ps, eV
    variables: tuple[ExtraVariable, ...] = ()
    energy: bool = True  #: whether the energy is biased, too

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Extra":
        """The record whose fields a JSON object holds."""
        variables = tuple(ExtraVariable(**one) for one in content["variables"])
        return cls(content["lines"], variables, content["energy"])


DROP, SHIFT = "drop", "shift"  #: what becomes of the hills when the models have changed
GIVEN, LABELLED, BOTH = "given", "labelled", "both"  #: structures that walkers start from
WTE, OPES = "wte", "opes"  #: ways to bias the energy: metadynamics, multithermal OPES


@dataclass(frozen=True)
class WteBlock:
    """Well-tempered-ensemble exploration (``model_devi_jobs[i].wte``)."""

    biasfactors: tuple[float | None, ...]  #: each >= 1; 1 is unbiased MD; None: from the window
    sigma_eV: float | None  #: width of the hills, eV; None: measured in the task's NVT part
    height_kT: float  #: initial height of the hills, in kT
    pace: int  #: steps between hills
    nvt_steps: int  #: unbiased NVT steps before the bias; sigma comes from the last 3/4 of them
    walkers: int  #: walkers per combination
    checkpoint: int = 10_000  #: biased steps between checkpoints; 0: none
    hills: str = DROP
    share_hills: bool = False  #: whether the walkers of a combination add to one bias
    extra: Extra = field(default_factory=Extra)
    method: str = WTE
    window_K: tuple[float, float] | None = None  #: temperatures to cover
    start: str = GIVEN
    n_start: int = 2  #: labelled frames to start from, of each composition in a system
    adapt_biasfactor: bool = True  #: lower it where most walkers were stopped an iteration before
    guard: Guard = field(default_factory=Guard)


AUTO_HEIGHT_KT = 0.5
#: MD without a bias.
UNBIASED = WteBlock(
    (1.0,), sigma_eV=None, height_kT=AUTO_HEIGHT_KT, pace=100, nvt_steps=0, walkers=1
)


@dataclass(frozen=True)
class Revision:
    """What the words of a template are replaced with: one of the combinations of ``rev_mat``."""

    lmp: Mapping[str, str | float]  #: in both files
    plm: Mapping[str, str | float]  #: in the PLUMED input alone

    @property
    def all(self) -> dict[str, str | float]:
        """Every word; none is in both."""
        return {**self.lmp, **self.plm}


@dataclass(frozen=True)
class Template:
    """Scripts of the user's own (``model_devi_jobs[i].template``)."""

    lmp: str  #: text of the LAMMPS script
    plm: str  #: text of the PLUMED input; empty: there is none
    revisions: Mapping[int, tuple[Revision, ...]]  #: combinations, by system
    own: tuple[str, ...] = ()  #: words that wtemlp replaces itself, of those that it knows
    plm_path: str = ""  #: text of ``plmpath.pdb``, the frames of a path; empty: there is none


OWN, DPGEN = "own", "dpgen"  #: whose scripts walkers are generated with


@dataclass(frozen=True)
class MdOptions:
    """What of DP-GEN's keys holds for the MD of all entries."""

    devi_words: str = ""  #: more words of ``pair_style deepmd``: relative deviations
    d3: str = ""  #: arguments of ``pair_style dispersion/d3``; "": none
    neigh_one: int | None = None  #: of ``neigh_modify one``
    shuffle: bool = False  #: whether the atoms of a structure change places
    periodic: bool = True
    merge_traj: bool = False  #: whether a walker's frames are in one file
    f_average: bool = False  #: whether deviations are divided by the root mean square force
    keep_iterations: int | None = None  #: last iterations whose trajectories stay; None: all
    plumed_path: bool = False  #: whether a template has a file ``plm_path``


@dataclass(frozen=True)
class ExploreJob:
    """One entry of ``model_devi_jobs``: the exploration of one iteration."""

    sys_idx: tuple[int, ...]
    temps_K: tuple[float, ...]  #: empty where only a template knows it
    ensemble: str  #: "nvt", or "npt" and its kin; "" where only a template knows it
    nsteps: int  #: biased steps; 0 where only a template knows it
    trj_freq: int  #: steps between stored frames
    wte: WteBlock
    press_bar: tuple[float, ...] = ()  #: of the barostat; empty at constant volume
    barostat: str = ""  #: "iso", "aniso", "tri"; "" at constant volume
    barostat_ps: float = 0.5  #: its relaxation time
    template: Template | None = None  #: None: the scripts are generated
    script: str = OWN  #: whose generated script
    timestep_ps: float | None = None  #: of this entry; None: that of the file
    thermostat_ps: float = 0.1  #: its relaxation time
    neigh_delay: int | None = None  #: steps before LAMMPS builds lists of neighbours anew
    n_beads: int = 0  #: of a path integral; 0: classical MD


@dataclass(frozen=True)
class Adaptive:
    """How many frames are candidates, where no lower trust level says it (DP-GEN's adaptive)."""

    numb_f: int = 10  #: those of the largest force deviation: so many at least ...
    perc_f: float = 0.0  #: ... and this percentage of the frames that have not failed
    numb_v: int = 0  #: the same of the virial deviation
    perc_v: float = 0.0


@dataclass(frozen=True)
class Criteria:
    """What decides on the frames of an iteration, and how many of them are labelled."""

    f_lo: tuple[float, ...]  #: trust levels of the force deviation, eV/Angstrom, one per system
    f_hi: tuple[float, ...]
    v_lo: tuple[float, ...]  #: of the virial deviation, eV/atom; infinite: it does not count
    v_hi: tuple[float, ...]
    task_max: int  #: labelled frames per system at most
    task_min: int  #: fewer candidates than this: none is labelled
    adaptive: Adaptive | None = None  #: in the place of f_lo and v_lo
    skip: int = 0  #: frames of earlier steps than this are not looked at
    accurate: float = 1.0  #: fraction of accurate frames at which none is labelled ...
    accurate_soft: float = 1.0  #: ... and from which on fewer than task_max are
    vacuum_A: float | None = None  #: of a cluster, at least; None: not looked at
    lists: bool = True  #: whether DP-GEN's lists of frames are written


@dataclass(frozen=True)
class ForceField:
    """The reference force field of ``fp_style: lammps`` (``fp_params``)."""

    name: str = "tip3p-flexible"
    cutoff_A: float = 9.0  #: of Lennard-Jones and of real-space Coulomb
    kspace_accuracy: float = 1e-5  #: relative, of PPPM


@dataclass(frozen=True)
class AseMethod:
    """The calculator of ``fp_style: ase`` (``fp_params``)."""

    calculator: str  #: import path of its class, as ``"ase.calculators.emt.EMT"``
    arguments: Mapping[str, Any]  #: keyword arguments of the class
    periodic: bool = True  #: false: molecules in vacuum


@dataclass(frozen=True)
class Convergence:
    """When the loop stops before its last iteration (``convergence``)."""

    accurate_ratio: float  #: fraction of explored frames below the lower trust level ...
    iterations: int  #: ... in this many successive iterations


DEVIATION, RANDOM = "deviation", "random"  #: ways to pick the frames that are labelled


@dataclass(frozen=True)
class Selection:
    """How the frames that are labelled are picked (``selection``)."""

    method: str = DEVIATION  #: from the candidates; or at random from all frames
    energy_bins: int | None = None  #: draw evenly over so many; None: whatever it is
    min_steps_apart: int = 1  #: MD steps between two picked frames of a walker at least


@dataclass(frozen=True)
class ValidationBounds:
    """What a good model must keep within (``validation.bounds``)."""

    temperature: float = 0.02  #: of the mean in NVT from the target, relative
    temperature_std: float = 0.1  #: of the fluctuation from the canonical one, relative
    energy_drift_meV_atom_ns: float = 10.0  #: of the total energy in NVE
    energy_mean_meV_atom: float = 2.0  #: of the mean energy from the reference's, offset removed
    energy_std: float = 0.2  #: of the energy's fluctuation from the reference's, relative
    rdf: float = 0.05  #: distance of g(r) from the reference's
    diffusion: float = 0.2  #: from the reference's, relative
    pressure_bar: float = 400.0  #: of the pressure in NVT from the reference's
    density: float = 0.02  #: from the reference's, relative
    energy_rmse_meV_atom: float = 3.0  #: the mean offset removed
    force_rmse_meV_A: float = 100.0  #: of the components


@dataclass(frozen=True)
class ValidationSettings:
    """What ``wtemlp validate`` does (``validation``), defaults filled in."""

    system: int | None = None  #: index in ``sys_configs``; None: there is none to start from
    temps_K: tuple[float, ...] = ()  #: empty: none is known
    ensembles: tuple[str, ...] = ("nvt", "nve", "npt")
    pressure_bar: float = 1.0  #: of NPT
    models: int = 4  #: how many run MD: the first ones
    reference: bool = True  #: whether the reference force field runs the same
    temp_factor: float = 3.0  #: temperature that ends a run as exploded, over the target
    equil_steps: int = 10_000
    nvt_steps: int = 40_000
    nve_steps: int = 100_000
    npt_steps: int = 40_000
    trj_freq: int = 100
    thermo_freq: int = 10
    pairs: tuple[tuple[str, str], ...] = ()
    diffusion: tuple[str, ...] = ()
    viscosity_mPa_s: tuple[float, ...] | None = None  #: per temperature; None: not given
    vacf: bool = False
    energy_bins: int = 5
    bounds: ValidationBounds = field(default_factory=ValidationBounds)


@dataclass(frozen=True)
class Params:
    """A parameter file.  Relative paths in it are relative to the run's folder."""

    source: Path  #: the file
    jdata: Mapping[str, Any]  #: DP-GEN's view of it: normalised, defaults filled in
    seed: int
    type_map: tuple[str, ...]
    mass_map: tuple[float, ...]  #: g/mol, in the order of type_map
    init_data_sys: tuple[Path, ...]  #: prefix applied
    validation_data_sys: tuple[Path, ...]  #: prefix applied; may be empty
    sys_configs: tuple[tuple[Path, ...], ...]  #: files of each system, globs expanded, sorted
    sys_format: str  #: dpdata's name of their format
    numb_models: int
    dp_compress: bool
    f_trust_lo: tuple[float, ...]  #: eV/Angstrom, one per system
    f_trust_hi: tuple[float, ...]
    jobs: tuple[ExploreJob, ...]
    timestep_ps: float
    fp_style: str
    force_field: ForceField | None  #: for fp_style "lammps"
    ase_method: AseMethod | None  #: for fp_style "ase"
    fp_task_max: int  #: labelled frames per system and iteration at most
    fp_task_min: int  #: fewer candidates than this: none is labelled
    ratio_failed: float  #: tolerated fraction of failed labels
    convergence: Convergence | None
    selection: Selection = field(default_factory=Selection)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    criteria: tuple[Criteria, ...] = ()  #: one per job
    md: MdOptions = field(default_factory=MdOptions)
    model_suffix: str = ".pb"  #: how the names of the models end
    engine: str = "wte"  #: who explores
    by_dpgen: bool = False  #: whether DP-GEN prepares the exploration, chooses and reads labels
    warnings: tuple[str, ...] = ()  #: keys that have no effect, a line each


@dataclass(frozen=True)
class MachineSection:
    """Where and how one stage's tasks run: one of the machine file's three sections."""

    stage: str  #: "train", "model_devi" or "fp"
    command: str
    machine: Mapping[str, Any]  #: dpdispatcher's machine dictionary
    resources: Mapping[str, Any]  #: dpdispatcher's resources dictionary
    user_forward_files: tuple[str, ...] = ()
    user_backward_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Machines:
    """A machine file."""

    source: Path
    train: MachineSection
    model_devi: MachineSection
    fp: MachineSection
    deepmd_version: str
    mdata: Mapping[str, Any]  #: the file's dictionary as DP-GEN wants it
    warnings: tuple[str, ...] = ()  #: lines on what is there without any effect


TOGETHER, BY_ENSEMBLE = "together", "by_ensemble"  #: how ``wtemlp init`` writes its data


@dataclass(frozen=True)
class InitParams:
    """An init file (``wtemlp init``)."""

    source: Path
    seed: int
    type_map: tuple[str, ...]  #: of the written data
    n_molecules: int
    density_g_cm3: float  #: of the Packmol box
    force_field: ForceField
    temperature_K: float
    pressure_bar: float
    timestep_fs: float
    npt_steps: int
    nvt_steps: int  #: production; the first quarter is equilibration and gives no frames
    biasfactors: tuple[float, ...]  #: WTE runs with the reference force field; may be empty
    wte_steps: int  #: per bias factor
    height_kT: float
    pace: int
    frames_per_ensemble: int  #: labelled frames from NVT, and from each WTE run
    validation_fraction: float
    starting_structures: int  #: written for the exploration; by ensemble: from each
    output: Path  #: folder, relative to the run's folder
    data: str = TOGETHER  #: one set of all frames, or one of each ensemble

    @property
    def ensembles(self) -> tuple[float, ...]:
        """The bias factors of all ensembles that are sampled; the first, 1, is NVT."""
        return (1.0, *(factor for factor in self.biasfactors if factor > 1))
