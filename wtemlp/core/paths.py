"""Every file and folder name of a run, once.  The layout is DP-GEN's.

::

    iter.000000/00.train/000/ ... 003/        one folder per model, graph.000.pb ... beside them
    iter.000000/01.model_devi/task.SSS.TTTTTT/ one walker: system SSS, task TTTTTT
    iter.000000/02.fp/task.SSS.NNNNNN/        one frame to label
    iter.000000/02.fp/data.SSS/               the labelled frames of system SSS (deepmd/npy)
"""

from dataclasses import dataclass
from pathlib import Path

# -- files of a run
STATE = "wtemlp.json"
LOCK = "wtemlp.session.lock"
LOG = "wtemlp.log"
RECORD = "record.dpgen"
REPORT = "report.html"
LIVE = "wtemlp.live.json"  #: task counts of the stage that is running, for ``wtemlp status``

# -- files of a training folder
TRAIN_INPUT = "input.json"
TRAIN_LOG = "train.log"
LCURVE = "lcurve.out"

# -- files of an exploration task
CONF = "conf.lmp"
LMP_INPUT = "input.lammps"
LMP_LOG = "log.lammps"
PLUMED_INPUT = "input.plumed"  #: of a template
PLUMED_PATH = "plmpath.pdb"  #: frames of a path that a template's PLUMED reads
PLUMED_OUTPUT = "output.plumed"  #: PLUMED's log, of a template
JOB = "job.json"  #: provenance: system, temperature, biasfactor, walker, seeds
MODEL_DEVI = "model_devi.out"
TRAJ = "traj"
ALL_FRAMES = "all.lammpstrj"  #: in the place of TRAJ, where the frames are in one file
COLVAR_NVT = "COLVAR.nvt"
COLVAR_WTE = "COLVAR.wte"
HILLS = "HILLS"
DELTAFS = "DELTAFS"  #: what HILLS is to metadynamics, to OPES
P_ENERGY = "P_energy.dat"  #: distributions of U: NVT, biased, reweighted
SIGMA = "sigma.out"  #: mean and standard deviation of U in NVT, and the bias factor
STOPPED = "walker.stopped"  #: one line: why the guard ended the walker
CHECKPOINT = "walker.restart"  #: LAMMPS's; while it is there, the job goes on from it

# -- files of any task
PROGRESS = ".wtemlp.progress"  #: a number that grows whenever what is done is safe from a kill

# -- files of a frame to label
FRAME_DUMP = "frame.lammpstrj"
FRAME = "frame.json"  #: provenance: task, step, walker, bias factor, energies, deviation
DPGEN_DUMP = "conf.dump"  #: DP-GEN's name of it
POSCAR = "POSCAR"  #: what DP-GEN makes the input files of its ``fp_style`` from

# -- files of a labelling folder
LABELS = "labels.json"  #: outcome of every frame of the iteration
LEFT = "left.json"  #: what failed calculations have left, by folder and file: size and time
FAILED_JOBS = "failed_jobs.json"  #: what the jobs that failed said, by their folders

# -- files of an iteration
EXPLORED = "explored.npz"  #: every explored frame with its decision (FrameTable)
SUMMARY = "summary.json"  #: the iteration's row of the final table
PARAMETERS = "parameters.json"  #: what its stages were prepared with


@dataclass(frozen=True)
class RunPaths:
    """Paths below a run's folder.

    Parameters
    ----------
    root : Path
        The run's folder, absolute.
    """

    root: Path

    @property
    def state(self) -> Path:
        return self.root / STATE

    @property
    def lock(self) -> Path:
        return self.root / LOCK

    @property
    def log(self) -> Path:
        return self.root / LOG

    @property
    def live(self) -> Path:
        return self.root / LIVE

    @property
    def record(self) -> Path:
        return self.root / RECORD

    @property
    def report(self) -> Path:
        return self.root / REPORT

    def iteration(self, index: int) -> Path:
        return self.root / f"iter.{index:06d}"

    def train(self, index: int) -> Path:
        return self.iteration(index) / "00.train"

    def model(self, index: int, model: int) -> Path:
        return self.train(index) / f"{model:03d}"

    def explore(self, index: int) -> Path:
        return self.iteration(index) / "01.model_devi"

    def explore_task(self, index: int, system: int, task: int) -> Path:
        return self.explore(index) / f"task.{system:03d}.{task:06d}"

    def label(self, index: int) -> Path:
        return self.iteration(index) / "02.fp"

    def label_task(self, index: int, system: int, frame: int) -> Path:
        return self.label(index) / f"task.{system:03d}.{frame:06d}"

    def label_data(self, index: int, system: int) -> Path:
        return self.label(index) / f"data.{system:03d}"

    def explored(self, index: int) -> Path:
        return self.explore(index) / EXPLORED

    def summary(self, index: int) -> Path:
        return self.iteration(index) / SUMMARY

    def parameters(self, index: int) -> Path:
        return self.iteration(index) / PARAMETERS
