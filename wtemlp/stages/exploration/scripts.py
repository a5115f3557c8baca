"""Whose script a walker runs: wtemlp's own, DP-GEN's, or the user's.

Each kind of walker is one object, which writes the walker's files and knows the command, the
inputs and the results of its job.
"""

from dataclasses import replace
from typing import Protocol

from wtemlp.config.records import DPGEN, ExploreJob
from wtemlp.core import paths
from wtemlp.md import plumed_input, wte_command, wte_script
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
    paths.TRAJ,
    f"{paths.COLVAR_WTE}*",
    f"{paths.HILLS}*",
    f"{paths.DELTAFS}*",
    f"{paths.SIGMA}*",
    f"{paths.STOPPED}*",
    "plumed.wte.*",
)


class WalkerScripts(Protocol):
    """The scripts of a kind of walker."""

    plumed_log: str  #: where PLUMED says what it does
    goes_on: bool  #: whether a walker whose job was killed may go on from where it was

    def write(
        self,
        context: RunContext,
        iteration: int,
        c: Combination,
        models: tuple[str, ...],
        walker: Walker | None,
        made: WalkerRecord,
    ) -> tuple[dict[str, str], WalkerRecord]:
        """The files of a walker by name, and its record.

        Parameters
        ----------
        context : RunContext
        iteration : int
        c : Combination
            What it is run with; ``conf.lmp`` is in its folder.
        models : tuple of str
            Model files, relative to the task's folder.
        walker : Walker or None
            None where only a template knows the temperature.
        made : WalkerRecord
            What would be said of a generated walker.
        """

    def command(self, lmp: str, made: WalkerRecord) -> str:
        """The shell command of its job."""

    def inputs(self, made: WalkerRecord) -> tuple[str, ...]:
        """The files that its job needs beside the models."""

    def results(self, made: WalkerRecord, merged: bool) -> tuple[str, ...]:
        """What its job is to bring home; `merged`: the frames are in one file."""


class Generated:
    """A walker in the well-tempered ensemble, or unbiased, by wtemlp's own script."""

    plumed_log, goes_on = wte_script.PLUMED_LOG, True

    def write(
        self,
        context: RunContext,
        iteration: int,
        c: Combination,
        models: tuple[str, ...],
        walker: Walker | None,
        made: WalkerRecord,
    ) -> tuple[dict[str, str], WalkerRecord]:
        """Write LAMMPS's script and PLUMED's input."""
        if walker is None:
            raise ValueError("a generated walker has a temperature")
        seeds = {name: getattr(walker, name) for name in ("velocity_seed", "thermostat_seed")}
        return wte_script.files(walker), replace(made, **seeds)

    def command(self, lmp: str, made: WalkerRecord) -> str:
        """LAMMPS, from a checkpoint if there is one."""
        return wte_command.command(lmp)

    def inputs(self, made: WalkerRecord) -> tuple[str, ...]:
        """The structure, the scripts, the user's own lines and earlier hills."""
        own = (plumed_input.EXTRA_LINES,) * (made.own is not None)
        previous = (wte_script.PREVIOUS_HILLS,) * (made.hills_from is not None)
        return (paths.CONF, *wte_script.INPUTS, *previous, *own)

    def results(self, made: WalkerRecord, merged: bool) -> tuple[str, ...]:
        """Frames, deviations, energies and hills."""
        return RESULTS


class FromTemplate:
    """A walker by the user's own scripts; also one that ``dpgen run`` has prepared."""

    plumed_log, goes_on = paths.PLUMED_OUTPUT, False

    def write(
        self,
        context: RunContext,
        iteration: int,
        c: Combination,
        models: tuple[str, ...],
        walker: Walker | None,
        made: WalkerRecord,
    ) -> tuple[dict[str, str], WalkerRecord]:
        """Complete the lines and words of the template."""
        job = context.params.jobs[iteration]
        if job.template is None or c.revision is None:
            raise ValueError("a walker from a template has one")
        files = template_scripts.scripts(
            context, job.template, c.revision, models, job.trj_freq, walker
        )
        made = template_scripts.provenance(job.template, c.revision, files, made, walker)
        return files, made

    def command(self, lmp: str, made: WalkerRecord) -> str:
        """LAMMPS from the beginning."""
        return wte_command.template_command(lmp, made.n_beads)

    def inputs(self, made: WalkerRecord) -> tuple[str, ...]:
        """The structure and the scripts."""
        return (paths.CONF, *(made.inputs or ()))

    def results(self, made: WalkerRecord, merged: bool) -> tuple[str, ...]:
        """All that LAMMPS and PLUMED may write."""
        return template_scripts.results(made, merged)


class Native(FromTemplate):
    """A walker by the script that DP-GEN writes for plain MD."""

    def write(
        self,
        context: RunContext,
        iteration: int,
        c: Combination,
        models: tuple[str, ...],
        walker: Walker | None,
        made: WalkerRecord,
    ) -> tuple[dict[str, str], WalkerRecord]:
        """Have DP-GEN write it."""
        return dpgen_scripts.script(context, iteration, c, models, made)


GENERATED, FROM_TEMPLATE, NATIVE = Generated(), FromTemplate(), Native()


def scripts_of(job: ExploreJob) -> WalkerScripts:
    """The scripts of the walkers of an entry of ``model_devi_jobs``."""
    if job.script == DPGEN:
        return NATIVE
    return GENERATED if job.template is None else FROM_TEMPLATE


def scripts_that_made(made: WalkerRecord) -> WalkerScripts:
    """The scripts that a walker was prepared with."""
    return GENERATED if made.generated else FROM_TEMPLATE
