"""Whose script a walker runs: wtemlp's own, the user's, or DP-GEN's.

Each kind of walker is one object, which writes the walker's files and knows the command, the
inputs and the results of its job.
"""

from dataclasses import dataclass, replace

from wtemlp.config.records import DPGEN, ExploreJob
from wtemlp.core import paths
from wtemlp.md import plumed_input, wte_command, wte_script
from wtemlp.md.bias.auto_hills import AUTO_AWK
from wtemlp.md.walker import Walker
from wtemlp.md.walker_record import WalkerRecord
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration import dpgen_scripts, template_scripts
from wtemlp.stages.exploration.conditions import Combination

#: Of generated scripts.
RESULTS = (
    paths.MODEL_DEVI,
    paths.LMP_LOG,
    paths.COLVAR_NVT,
    f"{paths.COLVAR_WTE}*",
    f"{paths.HILLS}*",
    f"{paths.DELTAFS}*",
    f"{paths.SIGMA}*",
    f"{paths.STOPPED}*",
    "plumed.wte.*",
)
Written = tuple[dict[str, str], WalkerRecord]  #: files by name, and the walker's record


@dataclass(frozen=True)
class ToWrite:
    """A walker whose files are to be written; ``conf.lmp`` is in its folder."""

    context: RunContext
    iteration: int
    conditions: Combination
    models: tuple[str, ...]  #: files, relative to the task's folder
    walker: Walker | None  #: None where only a template knows the temperature
    made: WalkerRecord  #: what would be said of a generated walker


class Generated:
    """A walker in the well-tempered ensemble, or unbiased, by wtemlp's own script."""

    plumed_log = wte_script.PLUMED_LOG  #: where PLUMED says what it does
    goes_on = True  #: whether a walker whose job was killed may go on from where it was

    def write(self, to: ToWrite) -> Written:
        """The files of a walker, and its record."""
        if to.walker is None:
            raise ValueError("a generated walker has a temperature")
        seeds = {name: getattr(to.walker, name) for name in ("velocity_seed", "thermostat_seed")}
        chooses = to.walker.chooses_hills or None
        made = replace(to.made, **seeds, chooses_hills=chooses)
        return wte_script.files(to.walker), made

    def command(self, lmp: str, made: WalkerRecord, last: int, frames: str) -> str:
        """The shell command of its job.

        `last`: the step of its last frame, 0: not known; `frames`: the file or folder of them.
        """
        return wte_command.command(lmp, last, frames)

    def inputs(self, made: WalkerRecord, frames: str) -> tuple[str, ...]:
        """The files that its job needs beside the models."""
        own = (plumed_input.EXTRA_LINES,) * (made.own is not None)
        previous = (wte_script.PREVIOUS_HILLS,) * (made.hills_from is not None)
        auto = (AUTO_AWK,) * bool(made.chooses_hills)
        cut = (wte_script.FRAMES_AWK,) * (frames == paths.ALL_FRAMES)
        return (paths.CONF, *wte_script.INPUTS, *auto, *cut, *previous, *own)

    def results(self, made: WalkerRecord, frames: str) -> tuple[str, ...]:
        """What its job is to bring home."""
        return (frames, *RESULTS)


class FromTemplate(Generated):
    """A walker by the user's own scripts; also one that ``dpgen run`` has prepared."""

    plumed_log, goes_on = paths.PLUMED_OUTPUT, False

    def write(self, to: ToWrite) -> Written:
        """The template's lines and words, completed."""
        job, revision = to.context.params.jobs[to.iteration], to.conditions.revision
        if job.template is None or revision is None:
            raise ValueError("a walker from a template has one")
        files = template_scripts.scripts(
            to.context, job.template, revision, to.models, job.trj_freq, to.walker
        )
        made = template_scripts.provenance(job.template, revision, files, to.made, to.walker)
        return files, made

    def command(self, lmp: str, made: WalkerRecord, last: int, frames: str) -> str:
        """LAMMPS from the beginning."""
        return wte_command.template_command(lmp, made.n_beads, last, frames)

    def inputs(self, made: WalkerRecord, frames: str) -> tuple[str, ...]:
        """The structure and the scripts."""
        return (paths.CONF, *(made.inputs or ()))

    def results(self, made: WalkerRecord, frames: str) -> tuple[str, ...]:
        """All that LAMMPS and PLUMED may write."""
        return (frames, *template_scripts.results(made))


class Native(FromTemplate):
    """A walker by the script that DP-GEN writes for plain MD."""

    def write(self, to: ToWrite) -> Written:
        """What DP-GEN writes."""
        return dpgen_scripts.script(to.context, to.iteration, to.conditions, to.models, to.made)


GENERATED, FROM_TEMPLATE, NATIVE = Generated(), FromTemplate(), Native()


def scripts_of(job: ExploreJob) -> Generated:
    """The scripts of the walkers of an entry of ``model_devi_jobs``."""
    if job.script == DPGEN:
        return NATIVE
    return GENERATED if job.template is None else FROM_TEMPLATE


def scripts_that_made(made: WalkerRecord) -> Generated:
    """The scripts that a walker was prepared with."""
    return GENERATED if made.generated else FROM_TEMPLATE
