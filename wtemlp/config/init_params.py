"""Reading the parameter file of ``wtemlp init``."""

from pathlib import Path

from wtemlp.config.records import BY_ENSEMBLE, TOGETHER, InitParams
from wtemlp.config.schema.dpgen_schema import init_schema
from wtemlp.config.schema.messages import validated
from wtemlp.config.schema.read_files import Kind, read_object
from wtemlp.config.schema.section import MAX_NUMBER, MAX_SEED, Section
from wtemlp.config.wte import (
    MAX_TEMPERATURE_K,
    read_biasfactors,
    read_force_field,
    read_height,
)

WATER_G_MOL = 18.01528
NM3_PER_CM3_MOL = 1.66053906660  #: Angstrom^3 per molecule at 1 g/mol and 1 g/cm3: 1e24 / N_A
MAX_TIMESTEP_FS = 1.0


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
    given = read_object(path, Kind.INIT)
    data = Section(path.name, validated(init_schema(), given, path.name))
    if sorted(data["type_map"]) != ["H", "O"]:
        raise data.wrong("type_map", "must be O and H, in any order: the start is a box of water")
    if not data["output"].strip():
        raise data.wrong("output", "must be the name of a folder")
    if check_files and (root / data["output"]).is_file():
        raise data.wrong("output", "is a file: give the name of a folder")
    biasfactors = read_biasfactors(data, may_be_empty=True)
    record = InitParams(
        source=path,
        seed=data.integer("seed", 0, MAX_SEED),
        type_map=tuple(data["type_map"]),
        n_molecules=data.integer("n_molecules"),
        density_g_cm3=data.number("density_g_cm3", "g/cm3"),
        force_field=read_force_field(data.section("force_field"), "name"),
        temperature_K=data.number("temperature_K", "K", MAX_TEMPERATURE_K),
        pressure_bar=_read_pressure(data),
        timestep_fs=_read_timestep(data),
        npt_steps=data.steps("npt_steps"),
        nvt_steps=data.steps("nvt_steps"),
        biasfactors=biasfactors,
        wte_steps=_read_wte_steps(data, biasfactors),
        height_kT=read_height(data, "height_kT"),
        pace=data.integer("pace"),
        frames_per_ensemble=data.integer("frames_per_ensemble"),
        validation_fraction=data.fraction("validation_fraction"),
        starting_structures=data.integer("starting_structures"),
        output=Path(data["output"]),
        data=_read_layout(data),
    )
    _check_frames(data, record)
    return record


def _read_layout(data: Section) -> str:
    if data["data"] not in (TOGETHER, BY_ENSEMBLE):
        raise data.wrong("data", f'must be "{TOGETHER}" or "{BY_ENSEMBLE}"')
    return data["data"]


def _read_timestep(data: Section) -> float:
    timestep_fs = data.number("timestep_fs", "fs")
    if timestep_fs > MAX_TIMESTEP_FS:
        remedy = "must be 1 or less: the O-H stretch of flexible water has a period of 9 fs"
        raise data.wrong("timestep_fs", remedy)
    return timestep_fs


def _read_pressure(data: Section) -> float:
    if abs(data["pressure_bar"]) > MAX_NUMBER:
        raise data.wrong("pressure_bar", f"must be {MAX_NUMBER:g} or less (bar)")
    return float(data["pressure_bar"])


def _read_wte_steps(data: Section, biasfactors: tuple[float, ...]) -> int:
    if "wte_steps" in data:
        return data.steps("wte_steps", 1 if biasfactors else 0)
    if biasfactors:
        raise data.missing("wte_steps", "add it: steps of the run at each bias factor")
    return 0


def box_length_A(n_molecules: int, density_g_cm3: float) -> float:
    """Edge of the cubic box of a number of water molecules, Angstrom."""
    return (n_molecules * WATER_G_MOL * NM3_PER_CM3_MOL / density_g_cm3) ** (1 / 3)


def _check_frames(data: Section, record: InitParams) -> None:
    frames = record.frames_per_ensemble
    available = record.nvt_steps - record.nvt_steps // 4
    if frames > available:
        remedy = f"nvt_steps ({record.nvt_steps}) gives at most {available}: its last 3/4"
        raise data.wrong("frames_per_ensemble", remedy)
    if record.biasfactors and frames > record.wte_steps - record.wte_steps // 2:
        most = record.wte_steps - record.wte_steps // 2
        remedy = f"wte_steps ({record.wte_steps}) gives at most {most}: its second half"
        raise data.wrong("frames_per_ensemble", remedy)
    split_apart = record.data == BY_ENSEMBLE
    total = frames if split_apart else frames * (1 + len(record.biasfactors))
    if record.validation_fraction and not 0 < round(total * record.validation_fraction) < total:
        of = f"the {total} frames of each ensemble" if split_apart else f"{total} frames"
        remedy = f"of {of} it must leave some to train on and some to validate"
        raise data.wrong("validation_fraction", remedy)
    if record.starting_structures > frames:
        raise data.wrong("starting_structures", f"must not be above frames_per_ensemble ({frames})")
