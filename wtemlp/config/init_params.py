"""Reading the parameter file of ``wtemlp init``."""

from pathlib import Path

from wtemlp.config.keys.declare import STEPS
from wtemlp.config.keys.init import DataLayout, InitParams
from wtemlp.config.schema.dpgen_schema import init_schema
from wtemlp.config.schema.messages import validated
from wtemlp.config.schema.own_keys import read
from wtemlp.config.schema.read_files import Kind, read_object
from wtemlp.config.schema.section import Section

WATER_G_MOL = 18.01528
NM3_PER_CM3_MOL = 1.66053906660  #: Angstrom^3 per molecule at 1 g/mol and 1 g/cm3: 1e24 / N_A


def load_init_params(path: Path, root: Path, check_files: bool = True) -> InitParams:
    """Read and check an init file.

    Parameters
    ----------
    path : Path
        The file.
    root : Path
        The run's folder, which `output` is relative to.
    check_files : bool
        Whether the output folder must not exist as a file.

    Returns
    -------
    InitParams
        What the file says, defaults filled in.

    Raises
    ------
    InputError
        At the first mistake.  Nothing is written.
    """
    data = Section(path.name, validated(init_schema(), read_object(path, Kind.INIT), path.name))
    if sorted(data["type_map"]) != ["H", "O"]:
        raise data.wrong("type_map", "must be O and H, in any order: the start is a box of water")
    if not data["output"].strip():
        raise data.wrong("output", "must be the name of a folder")
    if check_files and (root / data["output"]).is_file():
        raise data.wrong("output", "is a file: give the name of a folder")
    record = read(InitParams, data, source=path, wte_steps=_read_wte_steps(data))
    _check_frames(data, record)
    return record


def _read_wte_steps(data: Section) -> int:
    if not data["biasfactor"]:
        return int(data.get("wte_steps", 0))
    if "wte_steps" not in data:
        raise data.missing("wte_steps", "add it: steps of the run at each bias factor")
    return data.integer("wte_steps", STEPS)


def box_length_A(n_molecules: int, density_g_cm3: float) -> float:
    """Edge of the cubic box of a number of water molecules, Angstrom."""
    return float((n_molecules * WATER_G_MOL * NM3_PER_CM3_MOL / density_g_cm3) ** (1 / 3))


def _check_frames(data: Section, record: InitParams) -> None:
    frames = record.frames_per_ensemble
    available = record.nvt_steps - record.nvt_steps // 4
    if frames > available:
        remedy = f"nvt_steps ({record.nvt_steps}) gives at most {available}: its last 3/4"
        raise data.wrong("frames_per_ensemble", remedy)
    if record.biasfactors and frames > record.wte_steps:
        remedy = f"wte_steps ({record.wte_steps}) gives at most as many frames"
        raise data.wrong("frames_per_ensemble", remedy)
    split_apart = record.data == DataLayout.BY_ENSEMBLE
    total = frames if split_apart else frames * (1 + len(record.biasfactors))
    if record.validation_fraction and not 0 < round(total * record.validation_fraction) < total:
        of = f"the {total} frames of each ensemble" if split_apart else f"{total} frames"
        remedy = f"of {of} it must leave some to train on and some to validate"
        raise data.wrong("validation_fraction", remedy)
    if record.starting_structures > frames:
        raise data.wrong("starting_structures", f"must not be above frames_per_ensemble ({frames})")
