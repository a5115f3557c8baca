"""What a parameter file, a machine file and an init file say, as frozen records.

Nothing else in wtemlp looks into the raw dictionaries, but the adapter that hands
:attr:`Params.jdata` to DP-GEN.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from wtemlp.config.keys.declare import SEED_KEY, Key
from wtemlp.config.keys.labels import (
    STOPS,
    Convergence,
    ErrorTrust,
    Method,
    ReferenceCheck,
    Selection,
)
from wtemlp.config.keys.validation import ValidationSettings
from wtemlp.config.keys.wte import WteBlock


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
    bad_box: str | None = None  #: boxes that are not labelled, in DP-GEN's words
    lists: bool = True  #: whether DP-GEN's lists of frames are written


TENSORFLOW = "tensorflow"  #: the usual back end of a training


@dataclass(frozen=True)
class Reuse:
    """Trainings that go on from the models of the iteration before."""

    first: int  #: iteration
    steps: int | None  #: length of such a training; None: as long as any other


@dataclass(frozen=True)
class Params:
    """A parameter file.  Relative paths in it are relative to the run's folder.

    Parameters
    ----------
    validation_data_sys
        Labelled data that is never trained on; init_data_prefix applies.
    convergence
        When to stop before the last entry of model_devi_jobs.
    selection
        How the frames that are labelled are picked, fp_task_max for each system at most.
    validation
        What `wtemlp validate` does with the trained models.
    trust
        Trust levels as errors, in the place of deviations.
    reference_check
        Before a run, a frame of each initial system is labelled: "refuse" data that
        contradict the reference, "warn" of them, or "off".
    stop_on
        Warnings of the run's findings at which it stops, with what can be done (docs/steering.md),
        as ["worse"], before it spends more; wtemlp run --go-on goes on all the same.
    fp_by_system
        Settings of the labels of a system, by its index in sys_configs: fp_incar, fp_params,
        user_fp_params, k_points, fp_kpt_file, external_input_path in the place of the file's; of
        fp_params and user_fp_params those keys that are given.
    labels_by_hand
        The labels are made elsewhere: the run waits for them when frames are chosen, and
        `wtemlp labels` writes the frames out and takes the labels in.
    """

    source: Path  #: the file
    jdata: Mapping[str, Any]  #: DP-GEN's view of it: normalised, defaults filled in
    seed: Annotated[int, SEED_KEY]
    type_map: tuple[str, ...]
    mass_map: tuple[float, ...]  #: g/mol, in the order of type_map
    init_data_sys: tuple[Path, ...]  #: prefix applied
    validation_data_sys: Annotated[tuple[Path, ...], Key(default=())]
    sys_configs: tuple[tuple[Path, ...], ...]  #: files of each system, globs expanded, sorted
    sys_format: str  #: dpdata's name of their format
    numb_models: int
    dp_compress: bool
    f_trust_lo: tuple[float, ...]  #: eV/Angstrom, one per system
    f_trust_hi: tuple[float, ...]
    jobs: tuple[ExploreJob, ...]
    timestep_ps: float
    fp_style: str
    reference: Method | None  #: what labels; None: a style of DP-GEN's, or of another package
    sampler: Method | None  #: what does MD in the reference's place; None: nothing can
    fp_task_max: int  #: labelled frames per system and iteration at most
    fp_task_min: int  #: fewer candidates than this: none is labelled
    ratio_failed: float  #: tolerated fraction of failed labels
    convergence: Annotated[Convergence | None, Key(default=None)]
    selection: Annotated[Selection, Key()] = field(default_factory=Selection)
    validation: Annotated[ValidationSettings, Key()] = field(default_factory=ValidationSettings)
    trust: Annotated[ErrorTrust | None, Key(default=None)] = None
    reference_check: Annotated[ReferenceCheck, Key()] = ReferenceCheck.REFUSE
    stop_on: Annotated[tuple[str, ...], Key(choices=STOPS, distinct=True)] = ()
    fp_by_system: Annotated[Mapping[str, Any], Key(default={})] = field(default_factory=dict)
    labels_by_hand: Annotated[bool, Key()] = False
    by_system: "Mapping[int, Params]" = field(default_factory=dict)  #: of `fp_by_system`
    criteria: tuple[Criteria, ...] = ()  #: one per job
    md: MdOptions = field(default_factory=MdOptions)
    model_suffix: str = ".pb"  #: how the names of the models end
    engine: str = "wte"  #: who explores
    by_atoms: bool = False  #: whether clusters around atoms are labelled, not frames
    electrons: bool = False  #: whether there is an electron temperature
    train_backend: str = TENSORFLOW
    reuse: Reuse | None = None  #: None: every training begins with new models
    fp_files: tuple[str, ...] = ()  #: that inputs of a DP-GEN style name (``fp_pp_files``)
    fp_formats: Mapping[str, str] = field(default_factory=dict)  #: of ``fp_style: custom``, by key
    explorer_params: Mapping[str, Any] = field(default_factory=dict)  #: of one that is a plug-in
    warnings: tuple[str, ...] = ()  #: keys that have no effect, a line each

    def labels_of(self, system: int) -> "Params":
        """The file as it holds for the labels of a system."""
        return self.by_system.get(system, self)


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
