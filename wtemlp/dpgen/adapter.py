"""DP-GEN, behind one door: nothing else in wtemlp imports it.

What is asked of it for an exploration is in :mod:`wtemlp.dpgen.exploration`, for a labelling in
:mod:`wtemlp.dpgen.labelling`, behind the same door.

Everything is imported when it is asked for: ``dpgen.generator.run`` costs seconds, and importing
dpgen or dpdispatcher opens log files in the working directory and changes the root logger, which
is undone.
"""

import copy
import glob
import importlib
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from dargs import Argument

from wtemlp.core.formatting import first_line
from wtemlp.core.imports import quiet_imports


def import_quietly(name: str) -> Any:
    """Import a module of dpgen or dpdispatcher without its logging set-up.

    Parameters
    ----------
    name : str
        The module, as ``dpgen.generator.run``.

    Returns
    -------
    module
        The imported module.
    """
    with quiet_imports("dpgen", "dpdispatcher"):
        return importlib.import_module(name)


def run_arginfo() -> Argument:
    """DP-GEN's schema of ``dpgen run``'s parameter file: a fresh object, free to be extended."""
    schema: Argument = import_quietly("dpgen.generator.arginfo").run_jdata_arginfo()
    return schema


def machine_arginfo() -> Argument:
    """DP-GEN's schema of ``dpgen run``'s machine file: a fresh object, free to be extended."""
    schema: Argument = import_quietly("dpgen.generator.arginfo").run_mdata_arginfo()
    return schema


def atomic_masses(type_map: Sequence[str]) -> list[float]:
    """Masses that DP-GEN gives to elements for ``"mass_map": "auto"``.

    Parameters
    ----------
    type_map : sequence of str
        Element symbols, names, or atomic numbers.

    Returns
    -------
    list of float
        g/mol, in the order of `type_map`.

    Raises
    ------
    ValueError
        With the name that DP-GEN does not know.
    """
    masses = []
    lookup = import_quietly("dpgen.generator.run").get_atomic_masses
    for name in type_map:
        try:
            masses.append(float(lookup(name)))
        except RuntimeError as error:
            raise ValueError(name) from error
    return masses


def flat_mdata(mdata: Mapping[str, Any]) -> dict[str, Any]:
    """A machine dictionary with the flat keys (``train_command``, ...) that DP-GEN's steps read."""
    convert = import_quietly("dpgen.remote.decide_machine").convert_mdata
    flat: dict[str, Any] = convert(copy.deepcopy(dict(mdata)))
    return flat


def refused_in_job_script(resources: Mapping[str, Any]) -> str | None:
    """What dpdispatcher says when it writes resources into a job script; None: it writes them.

    Parameters
    ----------
    resources : Mapping
        Some of the keys of a machine section's ``resources``.
    """
    dpdispatcher = import_quietly("dpdispatcher")
    given = dpdispatcher.Resources.load_from_dict({"group_size": 1, **resources})
    shell = dpdispatcher.Machine.subclasses_dict["Shell"](context=SimpleNamespace(remote_root="."))
    try:
        shell.gen_script_env(SimpleNamespace(resources=given, job_hash="job"))
    except (TypeError, ValueError) as error:
        return str(error)
    return None


@dataclass(frozen=True)
class DpgenJob:
    """What DP-GEN would hand to its dispatcher."""

    work_path: Path  #: the stage's folder, absolute
    run_tasks: tuple[str, ...]  #: task folders below it
    commands: tuple[str, ...]  #: shell commands, to be joined by ``&&``
    forward_common: tuple[str, ...]
    forward: tuple[str, ...]
    backward: tuple[str, ...]
    outlog: str


class _SortedGlob:
    """DP-GEN's ``glob``, with an order that does not depend on the file system."""

    @staticmethod
    def glob(pattern: str, **options: Any) -> list[str]:
        return sorted(glob.glob(pattern, **options))  # noqa: PTH207 (it stands in for glob)


@contextmanager
def run_folder(root: Path, seed: int) -> Iterator[Any]:
    """DP-GEN's generator, in the run's folder and with its random numbers from `seed`.

    DP-GEN works on paths relative to the working directory and draws from Python's global
    generator; both are given back as they were.
    """
    generator = import_quietly("dpgen.generator.run")
    folder, numbers, globber = Path.cwd(), random.getstate(), generator.glob
    arrays = np.random.get_state()
    os.chdir(root)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    generator.glob = _SortedGlob
    try:
        yield generator
    finally:
        generator.glob = globber
        random.setstate(numbers)
        np.random.set_state(arrays)
        os.chdir(folder)


@contextmanager
def submissions(
    module: Any, root: Path, submit: Callable[[DpgenJob], None] | None = None
) -> Iterator[list[DpgenJob]]:
    """What a module of DP-GEN would submit: kept in a list, and handed on.

    Parameters
    ----------
    module : module
        Which calls ``make_submission``.
    root : Path
        The run's folder.
    submit : callable, optional
        Does the job when DP-GEN would have it done; by default nothing is done.
    """
    jobs: list[DpgenJob] = []

    class Recorder:
        """In the place of DP-GEN's submission: keeps what it would have submitted."""

        def __init__(self, _machine: Any, _resources: Any, **job: Any) -> None:
            self.job = DpgenJob(
                work_path=root / job["work_path"],
                run_tasks=tuple(job["run_tasks"]),
                commands=tuple(job["commands"]),
                forward_common=tuple(sorted(job["forward_common_files"])),
                forward=tuple(job["forward_files"]),
                backward=tuple(job["backward_files"]),
                outlog=job["outlog"],
            )
            jobs.append(self.job)

        def run_submission(self) -> None:
            """What DP-GEN waits for."""
            if submit is not None:
                submit(self.job)

    submission = module.make_submission
    module.make_submission = Recorder
    try:
        yield jobs
    finally:
        module.make_submission = submission


def make_train(
    root: Path, iteration: int, jdata: Mapping[str, Any], mdata: Mapping[str, Any], seed: int
) -> None:
    """Make the training folders of an iteration, as DP-GEN does.

    Parameters
    ----------
    root : Path
        The run's folder.
    iteration : int
        Whose ``00.train`` is made; it must not exist.
    jdata, mdata : Mapping
        :attr:`wtemlp.config.records.Params.jdata` and
        :attr:`wtemlp.config.records.Machines.mdata`.
    seed : int
        All seeds of the models are drawn from it; they are recorded in ``input.json``.
    """
    with run_folder(root, seed) as generator:
        generator.make_train(iteration, copy.deepcopy(dict(jdata)), flat_mdata(mdata))


def train_job(
    root: Path, iteration: int, jdata: Mapping[str, Any], mdata: Mapping[str, Any]
) -> DpgenJob | None:
    """The commands and files of an iteration's training.

    Returns
    -------
    DpgenJob or None
        None if the iteration takes over the models of the one before.
    """
    with run_folder(root, 0) as generator, submissions(generator, root) as jobs:
        generator.run_train(iteration, copy.deepcopy(dict(jdata)), flat_mdata(mdata))
    if not jobs:
        return None
    # Models of some formats DP-GEN exports in a second submission; here it is one task.
    made = {name for job in jobs for name in job.backward}
    return (
        replace(
            jobs[0],
            commands=tuple(command for job in jobs for command in job.commands),
            backward=tuple(sorted(made)),
        )
        if jobs[1:]
        else jobs[0]
    )


def model_suffix(jdata: Mapping[str, Any]) -> str:
    """How the names of the models end: ``.pb``, ``.pth``, ...

    Raises
    ------
    ValueError
        If DP-GEN does not know the back end or the format, or they do not go together.
    """
    generator = import_quietly("dpgen.generator.run")
    return str(generator._get_model_suffix(copy.deepcopy(dict(jdata))))


def rehearse_training(jdata: Mapping[str, Any], deepmd_version: str) -> None:
    """Have DP-GEN look at the training options, in a folder that is thrown away.

    Raises
    ------
    ValueError
        With the first line of what DP-GEN says.
    """
    settings = copy.deepcopy(dict(jdata)) | {"init_data_sys": []}
    mdata = {
        "deepmd_version": deepmd_version,
        "api_version": "1.0",
        "train_command": "dp",
        **dict.fromkeys(
            ("train_machine", "train_resources", "model_devi_machine", "model_devi_resources")
        ),
    }
    with tempfile.TemporaryDirectory(prefix="wtemlp.") as name:
        root = Path(name).resolve()
        (root / "iter.000000" / "00.train").mkdir(parents=True)
        try:
            with run_folder(root, 0) as generator, submissions(generator, root):
                generator.run_train(0, settings, mdata)
        except Exception as error:  # it raises whatever a wrong key leads to
            raise ValueError(first_line(error)) from error


def post_train(
    root: Path, iteration: int, jdata: Mapping[str, Any], mdata: Mapping[str, Any]
) -> None:
    """Link the trained models as ``graph.000.pb``, ..., as DP-GEN does."""
    with run_folder(root, 0) as generator:
        generator.post_train(iteration, copy.deepcopy(dict(jdata)), flat_mdata(mdata))
