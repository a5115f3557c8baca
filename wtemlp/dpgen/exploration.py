"""DP-GEN's preparation of explorations, behind the door of :mod:`wtemlp.dpgen.adapter`."""

import copy
import io
import math
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wtemlp.core.formatting import first_line
from wtemlp.dpgen.adapter import DpgenJob, flat_mdata, import_quietly, run_folder, submissions

if TYPE_CHECKING:
    import dpdata


def complete_template(
    lines: Sequence[str],
    models: Sequence[str],
    trj_freq: int,
    deepmd_version: str,
    jdata: Mapping[str, Any],
    *,
    pair_style: bool,
    dump: bool,
) -> list[str]:
    """Lines of a LAMMPS template as DP-GEN completes them, before it replaces words.

    Parameters
    ----------
    lines : sequence of str
        With their line ends.
    models : sequence of str
        Files of the models.
    trj_freq : int
        Steps between stored frames.
    deepmd_version : str
        The machine file's.
    jdata : Mapping
        :attr:`wtemlp.config.records.Params.jdata`.
    pair_style : bool
        Whether ``pair_style deepmd`` is to be completed; else it is there in full.
    dump : bool
        Whether there is a ``dump dpgen_dump`` to complete.
    """
    generator = import_quietly("dpgen.generator.run")
    done, settings = list(lines), copy.deepcopy(dict(jdata))
    if pair_style:
        done = generator.revise_lmp_input_model(
            done, list(models), trj_freq, deepmd_version=deepmd_version, jdata=settings
        )
    done = generator.revise_lmp_input_pair_coeff(done, settings)
    done = generator.revise_lmp_input_neigh_modify(done, settings)
    merge = settings.get("model_devi_merge_traj", False)
    return list(generator.revise_lmp_input_dump(done, trj_freq, merge) if dump else done)


def native_script(
    folder: Path,
    job: Mapping[str, Any],
    jdata: Mapping[str, Any],
    deepmd_version: str,
    models: Sequence[str],
    conditions: tuple[float | None, float | None],
    seed: int,
) -> str:
    """The LAMMPS script that DP-GEN writes for a walker without a template.

    Parameters
    ----------
    folder : Path
        The walker's, with ``conf.lmp``.
    job : Mapping
        The entry of ``model_devi_jobs``.
    jdata : Mapping
        :attr:`wtemlp.config.records.Params.jdata`.
    deepmd_version : str
        The machine file's.
    models : sequence of str
        Files of the models.
    conditions : (float, float or None)
        Temperature, K, and pressure, bar; None at constant volume.
    seed : int
        Of the velocities, or of the direction of a knock.
    """
    settings = copy.deepcopy(dict(jdata))
    with run_folder(folder, seed) as generator, redirect_stdout(io.StringIO()):
        ensemble, nsteps, trj_freq, _, _, pka_e, _, n_beads = generator.parse_cur_job(job)
        dt, delay, tau_t, tau_p = generator._get_lammps_job_settings(job, settings)
        settings["model_format"] = generator._get_model_suffix(settings)[1:]
        temperature_K, pressure_bar = conditions
        script = generator.make_lammps_input(
            ensemble,
            "conf.lmp",
            list(models),
            nsteps,
            dt,
            delay,
            trj_freq,
            settings["mass_map"],
            temperature_K,
            jdata=settings,
            tau_t=tau_t,
            tau_p=tau_p,
            pka_e=pka_e,
            pres=-1 if pressure_bar is None else pressure_bar,
            nopbc=settings.get("model_devi_nopbc", False),
            deepmd_version=deepmd_version,
            nbeads=n_beads,
        )
        return script if pka_e is None else _right_knock(script, settings["mass_map"])


def _right_knock(script: str, masses: Sequence[float]) -> str:
    """The script with the speed of the knocked atom's own mass.

    DP-GEN takes that of the element before, for it counts types from 1 where dpdata does from 0.
    """
    import dpdata  # takes a second

    kind = int(dpdata.System("conf.lmp", fmt="lammps/lmp")["atom_types"][0])
    factor = math.sqrt(masses[kind - 1] / masses[kind])

    def scaled(found: re.Match[str]) -> str:
        return " ".join(["first set", *(f"{factor * float(word):f}" for word in found.groups())])

    return re.sub(r"first set (\S+) (\S+) ([^\s\"]+)", scaled, script)


def complete_plumed(lines: Sequence[str], plumed_file: str) -> list[str]:
    """Lines of a LAMMPS template with ``fix dpgen_plm`` as DP-GEN completes it."""
    generator = import_quietly("dpgen.generator.run")
    return list(generator.revise_lmp_input_plm(list(lines), plumed_file))


def make_exploration(
    root: Path,
    iteration: int,
    jdata: Mapping[str, Any],
    mdata: Mapping[str, Any],
    seed: int,
    read: "Callable[[Path], dpdata.System]",
) -> None:
    """Make the exploration folder of an iteration, by whatever engine, as DP-GEN does.

    Parameters
    ----------
    root : Path
        The run's folder.
    iteration : int
        Whose ``01.model_devi`` is made; it must not exist.
    jdata, mdata : Mapping
        :attr:`wtemlp.config.records.Params.jdata` and
        :attr:`wtemlp.config.records.Machines.mdata`.
    seed : int
        Of whatever DP-GEN should draw.
    read : callable
        Reads a structure of ``sys_configs``, in the place of DP-GEN's own reading with dpdata.
    """
    with (
        run_folder(root, seed) as generator,
        _reading(generator, read),
        redirect_stdout(io.StringIO()),
    ):
        generator.make_model_devi(iteration, copy.deepcopy(dict(jdata)), _machine(mdata))


class _ReadingDpdata:
    """dpdata as DP-GEN sees it, with another reader of structures."""

    def __init__(self, whole: Any, read: "Callable[[Path], dpdata.System]") -> None:
        self._whole, self._read = whole, read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def System(self, file_name: str, **_: Any) -> "dpdata.System":
        return self._read(Path(file_name))


@contextmanager
def _reading(generator: Any, read: "Callable[[Path], dpdata.System]") -> Iterator[None]:
    whole = generator.dpdata
    generator.dpdata = _ReadingDpdata(whole, read)
    try:
        yield
    finally:
        generator.dpdata = whole


def _machine(mdata: Mapping[str, Any]) -> dict[str, Any]:
    """For DP-GEN's steps; the user's own files are linked by wtemlp."""
    return flat_mdata(mdata) | {
        f"{stage}_user_{way}_files": []
        for stage in ("model_devi", "fp")
        for way in ("forward", "backward")
    }


def exploration_job(
    root: Path, iteration: int, jdata: Mapping[str, Any], mdata: Mapping[str, Any]
) -> DpgenJob:
    """The commands and files of an iteration's exploration by GROMACS or Amber."""
    with run_folder(root, 0) as generator, submissions(generator, root) as jobs:
        generator.run_model_devi(iteration, copy.deepcopy(dict(jdata)), _machine(mdata))
    return jobs[0]


class _CheckedOs:
    """DP-GEN's ``os`` where it runs programs itself: one that fails ends the exploration.

    DP-GEN goes on, and tries the last of them for ever.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    @staticmethod
    def system(command: str) -> int:
        status = os.system(command)
        if status:
            raise ChildProcessError(f"{command.strip()} ended with status {status >> 8}")
        return status


@contextmanager
def _calypso(generator: Any, root: Path, submit: Callable[[DpgenJob], None]) -> Iterator[Any]:
    module = import_quietly("dpgen.generator.lib.run_calypso")
    module.os = _CheckedOs()
    try:
        with submissions(module, root, submit):
            yield generator
    finally:
        module.os = os


def run_calypso(
    root: Path,
    iteration: int,
    jdata: Mapping[str, Any],
    mdata: Mapping[str, Any],
    submit: Callable[[DpgenJob], None],
    seed: int,
) -> None:
    """Have DP-GEN explore by CALYPSO: structures, their relaxation, the models' deviations.

    Parameters
    ----------
    root, iteration, jdata, mdata
        As of :func:`make_exploration`.
    submit : callable
        Does a job; DP-GEN waits for it.
    seed : int
        Of what DP-GEN draws.

    Raises
    ------
    ValueError
        If a program that DP-GEN runs itself fails, with a line of what it is.
    """
    try:
        with run_folder(root, seed) as generator, _calypso(generator, root, submit):
            generator.run_model_devi(iteration, copy.deepcopy(dict(jdata)), _machine(mdata))
    except (ChildProcessError, OSError, RuntimeError, TypeError) as error:
        raise ValueError(first_line(error)) from error


@contextmanager
def _sorted(generator: Any) -> Iterator[None]:
    """Adapted levels give sets of frames, which have another order in each process: sort them."""
    name = "_select_by_model_devi_adaptive_trust_low"
    theirs = getattr(generator, name)

    def in_order(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        accurate, candidates, *rest = theirs(*args, **kwargs)
        return sorted(accurate), sorted(candidates), *rest

    setattr(generator, name, in_order)
    try:
        yield
    finally:
        setattr(generator, name, theirs)


def choose(root: Path, iteration: int, jdata: Mapping[str, Any], seed: int) -> None:
    """Have DP-GEN choose frames and make the folders of their labels.

    Parameters
    ----------
    root, iteration, jdata
        As of :func:`make_exploration`; ``02.fp`` must not exist.
    seed : int
        Of the choice.

    Raises
    ------
    ValueError
        With the first line of what DP-GEN says.
    """
    settings = copy.deepcopy(dict(jdata)) | {"detailed_report_make_fp": True}
    settings.setdefault("model_devi_skip", 0)
    try:
        with run_folder(root, seed) as generator, warnings.catch_warnings(), _sorted(generator):
            warnings.simplefilter("ignore")  # of ASE, about files that DP-GEN makes of Amber's
            generator.make_fp(iteration, settings, {})
    except Exception as error:  # it raises whatever a broken output leads to
        raise ValueError(first_line(error)) from error
