"""DP-GEN's preparation and reading of labels, behind the door of :mod:`wtemlp.dpgen.adapter`."""

import copy
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from wtemlp.core.formatting import first_line
from wtemlp.dpgen.adapter import DpgenJob, flat_mdata, import_quietly, run_folder, submissions

if TYPE_CHECKING:
    import dpdata


@cache
def know_electron_temperature(of_atoms: bool) -> None:
    """Have dpdata read and write the electron temperature of labelled frames, as DP-GEN has it.

    Parameters
    ----------
    of_atoms : bool
        Whether it is a parameter of each atom (``aparam``), and not of the frame (``fparam``).
    """
    import_quietly("dpgen.util").setup_ele_temp(of_atoms)


def prepare_labels(root: Path, iteration: int, jdata: Mapping[str, Any], seed: int) -> None:
    """Write the input files of ``fp_style`` into the tasks of an iteration, as DP-GEN does.

    Parameters
    ----------
    root : Path
        The run's folder.
    iteration : int
        Each ``02.fp/task.SSS.NNNNNN`` of it has a ``POSCAR``.
    jdata : Mapping
        :attr:`wtemlp.config.records.Params.jdata`.
    seed : int
        Of whatever DP-GEN should draw.
    """
    with run_folder(root, seed) as generator:
        generator.make_fp_calculation(iteration, copy.deepcopy(dict(jdata)), {})


def label_job(
    root: Path, iteration: int, jdata: Mapping[str, Any], mdata: Mapping[str, Any]
) -> DpgenJob | None:
    """The command and the files of an iteration's labelling tasks.

    Returns
    -------
    DpgenJob or None
        None if the iteration has no task.
    """
    with run_folder(root, 0) as generator, submissions(generator, root) as jobs:
        generator.run_fp(iteration, copy.deepcopy(dict(jdata)), flat_mdata(mdata))
    return jobs[0] if jobs else None


def read_label(
    task: Path,
    jdata: Mapping[str, Any],
    rewrites: Mapping[str, Callable[[str], str]] = MappingProxyType({}),
) -> "dpdata.LabeledSystem | None":
    """The label that DP-GEN reads from the outputs of one task.

    DP-GEN reads a whole iteration and ends at the first output that it does not understand, so
    it is shown an iteration of one task.

    Parameters
    ----------
    task : Path
        The task's folder.
    jdata : Mapping
        :attr:`wtemlp.config.records.Params.jdata`.
    rewrites : Mapping, optional
        How the reader is to be shown an output, by its name in the folder: its text in, another
        text out.  The file stays as it is.

    Returns
    -------
    dpdata.LabeledSystem or None
        What DP-GEN would train on; None where it finds no converged frame.

    Raises
    ------
    ValueError
        If the outputs cannot be read, with the first line of the reason.
    """
    if jdata.get("use_ele_temp"):
        know_electron_temperature(jdata["use_ele_temp"] == 2)
    settings = copy.deepcopy(dict(jdata)) | {
        "ratio_failed": 1.0,
        "model_devi_clean_traj": False,
        "model_devi_jobs": [{}],
    }
    import dpdata  # takes a second

    with tempfile.TemporaryDirectory(prefix="wtemlp.") as name:
        root = Path(name)
        folder = root / "iter.000000" / "02.fp"
        folder.mkdir(parents=True)
        try:
            _show(task.resolve(), folder / "task.000.000000", rewrites)
            with run_folder(root, 0) as generator:
                generator.post_fp(0, settings)
            found = sorted(path.parent for path in (folder / "data.000").rglob("type.raw"))
            if not found:
                return None
            label = dpdata.LabeledSystem(str(found[0]), fmt="deepmd/npy")
            if label.nopbc:  # dpdata reads zeros there, DP-GEN writes the reader's cell
                label.data["cells"] = np.load(found[0] / "set.000" / "box.npy").reshape(-1, 3, 3)
            return label
        except Exception as error:  # dpdata's readers raise whatever a broken output leads to
            raise ValueError(first_line(error)) from error


def _show(task: Path, shown: Path, rewrites: Mapping[str, Callable[[str], str]]) -> None:
    """A folder of links to what is in a task's, with other texts where they are asked for."""
    shown.mkdir()
    for entry in task.iterdir():
        below = {
            name.partition("/")[2]: rewrite
            for name, rewrite in rewrites.items()
            if name.partition("/")[0] == entry.name
        }
        if below and entry.is_dir():
            _show(entry, shown / entry.name, below)
        elif "" in below:
            (shown / entry.name).write_text(below[""](entry.read_text(errors="replace")))
        else:
            (shown / entry.name).symlink_to(entry)


def is_too_large(dump: Path, vacuum_A: float) -> bool:
    """Whether a cluster leaves less vacuum in its cell than ``fp_cluster_vacuum``.

    Parameters
    ----------
    dump : Path
        A LAMMPS dump of one frame.
    vacuum_A : float
        Angstrom.
    """
    with run_folder(dump.parent, 0) as generator:
        return bool(generator.check_cluster(dump.name, vacuum_A))


def is_bad_box(dump: Path, criteria: str) -> bool:
    """Whether a frame fails ``fp_skip_bad_box``.

    Parameters
    ----------
    dump : Path
        A LAMMPS dump of one frame.
    criteria : str
        As DP-GEN has them: ``"length_ratio:5;height_ratio:5"``.
    """
    with run_folder(dump.parent, 0) as generator:
        return bool(generator.check_bad_box(dump.name, criteria))
