"""What is looked at before a command begins: one list, in its order.

A command raises the first error (:func:`require`); ``wtemlp check`` shows all that is found
(:func:`show`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wtemlp.config.by_system import in_place
from wtemlp.config.keys.labels import ReferenceCheck
from wtemlp.config.label_files import label_file_problems
from wtemlp.config.records import Machines, Params
from wtemlp.config.schema.plugin_keys import is_own_style
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError, MissingEngine, WtemlpError
from wtemlp.core.paths import RunPaths
from wtemlp.preflight.data_trial import is_held, lines, no_answer, refusal, try_now
from wtemlp.preflight.findings import Finding, Findings, Level
from wtemlp.preflight.fp_inputs import check_labels
from wtemlp.preflight.installed_engines import (
    check_backend,
    check_machines,
    check_ranks,
    check_walkers_libraries,
    is_local,
)
from wtemlp.preflight.plumed_lines import jobs_with_lines, refusals
from wtemlp.preflight.reference_trial import is_tried_here, try_reference
from wtemlp.preflight.user_files import check_included, check_user_files
from wtemlp.records.compatibility import check_run
from wtemlp.records.lengths import known_times, too_short

STAGES = ("train", "model_devi", "fp")
Found = Iterator[WtemlpError | Finding]  #: what a check finds: errors, and what is only said


@dataclass(frozen=True)
class Begin:
    """What a command is about to do."""

    root: Path  #: the run's folder
    machines: Machines | None  #: None: not known
    stages: tuple[str, ...] = STAGES  #: whose tasks it runs
    params: Params | None = None
    explores: bool = False  #: whether walkers and labels of the parameter file are made
    goes_on: bool = False  #: whether it works on the run that may be in the folder
    by_check: bool = False  #: whether all is wanted that can be told, not only what stops it
    sound: bool = True  #: whether the files that the parameter file names are known to be
    submit: bool = False  #: whether jobs may be sent to queues and hosts
    new_reference: bool = False  #: whether another reference than that of the run is accepted

    @property
    def here(self) -> tuple[str, ...]:
        """The stages whose jobs wtemlp runs: labels may be made by hand."""
        by_hand = self.params is not None and self.params.labels_by_hand
        return tuple(stage for stage in self.stages if stage != "fp" or not by_hand)


def require(begin: Begin) -> list[Finding]:
    """Look at everything, and refuse what would fail.  Nothing is written.

    Returns
    -------
    list of Finding
        The warnings.

    Raises
    ------
    InputError, MissingEngine
        The first that is found.
    """
    warnings = []
    for check in CHECKS:
        for found in check(begin):
            if isinstance(found, WtemlpError):
                raise found
            if found.level is Level.WARNING:
                warnings.append(found)
    return warnings


def show(begin: Begin, findings: Findings) -> None:
    """Look at everything, and tell all that is found."""
    for check in CHECKS:
        for found in check(begin):
            if isinstance(found, WtemlpError):
                findings.refused(found)
            else:
                findings.add(found)


def plumed(begin: Begin) -> Found:
    """Whether the PLUMED of this machine, if there is one, accepts the user's own lines."""
    params = begin.params
    if params is None or not begin.explores or not (indices := jobs_with_lines(params)):
        return
    where = f"{params.source.name}: model_devi_jobs[{indices[0]}].wte.plumed"
    good = True
    try:
        for refused in refusals(params, begin.machines, begin.root):
            good, error = False, refused.error
            if refused.certain or begin.by_check:
                yield error if refused.certain else _warning(error)
    except MissingEngine as error:
        if begin.by_check:
            why = f"is not looked at: {error.problem} on this machine"
            yield Finding(Level.WARNING, where, why, error.remedy)
        return
    except InputError as error:
        yield error
        return
    if good:
        yield Finding(Level.OK, where, "PLUMED on this machine accepts the lines")


def backend(begin: Begin) -> Found:
    """Whether the back end of the trainings is installed, if they run here."""
    if begin.params is not None and begin.machines is not None and "train" in begin.stages:
        yield from _raised(check_backend, begin.params, begin.machines)


def ranks(begin: Begin) -> Found:
    """Whether walkers run in as many processes as their PLUMED can."""
    if begin.params is not None and begin.machines is not None and begin.explores:
        yield from _raised(check_ranks, begin.params, begin.machines)
        yield from _raised(check_walkers_libraries, begin.params, begin.machines)


def included(begin: Begin) -> Found:
    """Whether the files that scripts include are those that travel under their names."""
    if begin.params is not None and begin.machines is not None and begin.explores:
        yield from _raised(check_included, begin.params, begin.machines, begin.root)


def calculator(begin: Begin) -> Found:
    """Whether the calculator of the labels can be made and obeys what it must, if it runs here."""
    params, machines = begin.params, begin.machines
    if params is None or machines is None or not begin.explores or params.fp_style != "ase":
        return
    if params.labels_by_hand:
        return
    where = f"{params.source.name}: fp_params.calculator"
    if not is_tried_here(params, machines):
        what = "is not tried here: the first labelling job tries it, before it labels"
        yield Finding(Level.OK, where, what)
        return
    began = not begin.goes_on or RunPaths(begin.root).state.exists()
    if began and not begin.by_check:
        return  # it is tried when the run begins
    if engine_problems(machines, ("fp",), begin.root) or list(user_files(begin)):
        return  # told with these
    try:
        notes = try_reference(params, machines, begin.root)
    except WtemlpError as error:
        yield error
        return
    for note in notes:
        yield Finding(Level.WARNING, where, note.removeprefix(f"{where}: "))
    if not notes:
        what = "was made and tried on the first structure of each system"
        yield Finding(Level.OK, where, what)


def initial_data(begin: Begin) -> Found:
    """Whether the initial data agree with the reference; ``wtemlp run`` asks once it has begun."""
    params, machines = begin.params, begin.machines
    if params is None or machines is None or not begin.by_check or not is_held(params):
        return
    if not begin.sound:
        return  # told with the data
    if params.labels_by_hand:
        what = "is held against the labels that are made by hand, when they are imported"
        yield Finding(Level.OK, f"{params.source.name}: init_data_sys", what)
        return
    if RunPaths(begin.root).state.exists() or not (is_local(machines.fp) or begin.submit):
        return
    if engine_problems(machines, ("fp",), begin.root) or list(user_files(begin)):
        return  # told with these
    if label_file_problems(Section(params.source.name, params.jdata), begin.root):
        return  # told with the files
    where = f"{params.source.name}: init_data_sys"
    try:
        found = try_now(params, machines, begin.root)
    except WtemlpError as error:
        yield error
        return
    refused = refusal(params, found)
    refuses = params.reference_check == ReferenceCheck.REFUSE
    if refused is not None and refuses:
        yield refused
    if (silent := no_answer(params, found)) is not None:
        yield silent
        return
    *told, last = lines(found, with_problems=not refuses) or [""]
    for line in told:
        yield Finding(Level.WARNING, where, line)
    if last:
        yield Finding(Level.OK, where, last)


def lengths(begin: Begin) -> Found:
    """Whether walkers are long enough for what they measure, where that can be known."""
    params = begin.params
    if params is None or not begin.explores or not begin.by_check:
        return
    for one in too_short(params, known_times(params, RunPaths(begin.root))):
        where = f"{params.source.name}: {one.where}"
        yield Finding(Level.WARNING, where, one.problem, one.remedy)


def labels(begin: Begin) -> Found:
    """Whether DP-GEN can make the inputs of its ``fp_style``, if their files are there."""
    params = begin.params
    if params is None or not begin.explores:
        return
    own = is_own_style(params.fp_style)
    if not own and label_file_problems(Section(params.source.name, params.jdata), begin.root):
        return  # told with the files
    problems = list(_raised(check_labels, params, begin.machines, begin.root))
    for system, one in params.by_system.items() if not problems else ():
        for error in _raised(check_labels, one, begin.machines, begin.root):
            problems.append(in_place(error, system) if isinstance(error, InputError) else error)
    yield from problems
    if not own and not problems:
        where = params.source.name
        yield Finding(Level.OK, where, f"DP-GEN makes the inputs of fp_style {params.fp_style}")


def folder(begin: Begin) -> Found:
    """Whether the input goes with the run that is in the folder, if there is one."""
    if not begin.goes_on or begin.params is None or begin.machines is None:
        return
    paths = RunPaths(begin.root)
    goes = (begin.params, begin.machines, paths, begin.new_reference)
    problems = list(_raised(check_run, *goes))
    yield from problems
    if not problems:
        there = (
            "the input goes with the run that is here" if paths.state.is_file() else "no run yet"
        )
        yield Finding(Level.OK, str(begin.root), there)


def user_files(begin: Begin) -> Found:
    """Whether the user's own files are there."""
    if begin.machines is not None and begin.stages:
        yield from _raised(check_user_files, begin.machines, begin.root)


def engines(begin: Begin) -> Found:
    """Whether tasks can be handed out, and the programs of those that run here are there."""
    if begin.machines is not None:
        yield from engine_problems(begin.machines, begin.here, begin.root).values()


#: In their order: the input files, the folder, this machine.
CHECKS: tuple[Callable[[Begin], Found], ...] = (
    included,
    plumed,
    backend,
    ranks,
    labels,
    lengths,
    folder,
    user_files,
    engines,
    calculator,
    initial_data,
)


def engine_problems(
    machines: Machines, stages: tuple[str, ...], root: Path
) -> dict[str, WtemlpError]:
    """Why tasks of some stages cannot run: their section is wrong, or their engine is missing."""
    found: dict[str, WtemlpError] = {}
    for stage in stages:
        for error in _raised(check_machines, machines, (stage,), root):
            found[stage] = error
    return found


def _raised(check: Callable[..., None], *of: object) -> Iterator[WtemlpError]:
    try:
        check(*of)
    except WtemlpError as error:
        yield error


def _warning(error: InputError) -> Finding:
    return Finding(Level.WARNING, error.where, error.problem, error.remedy)
