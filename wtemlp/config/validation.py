"""The ``validation`` block of a parameter file: what ``wtemlp validate`` does."""

import math
from dataclasses import replace

from wtemlp.config.records import Params, ValidationBounds, ValidationSettings
from wtemlp.config.schema.section import MAX_NUMBER, Section
from wtemlp.config.wte import MAX_TEMPERATURE_K

ENSEMBLES = ("nvt", "nve", "npt")
#: Lengths of the parts of a run where the file has none, ps.
DEFAULT_PS = {"equil_steps": 5.0, "nvt_steps": 20.0, "nve_steps": 50.0, "npt_steps": 20.0}
FRAME_PS = 0.05  #: between stored frames, where the file does not say
MAX_FRAMES = 2000  #: of a part, likewise
MIN_RECORDS = 20  #: values that a mean and its error are made of
MIN_FRAMES = 5  #: that a radial distribution function is made of
MAX_VISCOSITY_MPA_S = 1e6  #: pitch has more, and does not diffuse


def with_validation(params: Section, record: Params) -> Params:
    """The record of a parameter file, its ``validation`` block read.

    Parameters
    ----------
    params : Section
        The whole file.
    record : Params
        All else of it, which the defaults are taken from.

    Raises
    ------
    InputError
        At the first mistake in the block.
    """
    return replace(record, validation=_read(params, record))


def _read(params: Section, record: Params) -> ValidationSettings:
    given = "validation" in params
    block = params.section("validation") if given else Section(params.file, {}, ("validation",))
    temps_K = _read_temps(block, record)
    ensembles = _read_ensembles(block)
    steps = {key: _read_steps(block, key, record.timestep_ps) for key in DEFAULT_PS}
    thermo_freq = _read_integer(block, "thermo_freq", ValidationSettings.thermo_freq)
    settings = ValidationSettings(
        system=_read_system(block, record),
        temps_K=temps_K,
        ensembles=ensembles,
        pressure_bar=_read_pressure(block),
        models=_read_models(block, record.numb_models),
        reference=block.get("reference", True),
        temp_factor=_read_temp_factor(block, record),
        **steps,
        trj_freq=_read_trj_freq(block, record.timestep_ps, steps, ensembles),
        thermo_freq=thermo_freq,
        pairs=_read_pairs(block, record.type_map),
        diffusion=_read_diffusion(block, record.type_map),
        viscosity_mPa_s=_read_viscosity(block, temps_K),
        vacf=block.get("vacf", False),
        energy_bins=_read_integer(block, "energy_bins", ValidationSettings.energy_bins),
        bounds=_read_bounds(block.section("bounds")) if "bounds" in block else ValidationBounds(),
    )
    _check_lengths(block, settings)
    return settings


def _read_system(block: Section, record: Params) -> int | None:
    n_systems = len(record.sys_configs)
    if "sys_idx" not in block:
        explored = [index for job in record.jobs for index in job.sys_idx]
        return explored[0] if explored else 0 if n_systems else None
    if not 0 <= block["sys_idx"] < n_systems:
        remedy = f"must be from 0 to {n_systems - 1}: sys_configs has {n_systems} systems"
        raise block.wrong("sys_idx", remedy if n_systems else "sys_configs has no system")
    return block["sys_idx"]


def _read_temps(block: Section, record: Params) -> tuple[float, ...]:
    if "temps" not in block:
        return tuple(sorted({temperature for job in record.jobs for temperature in job.temps_K}))
    temps = block["temps"]
    if not temps:
        raise block.wrong("temps", "must have one temperature or more (K)")
    for index, temperature in enumerate(temps):
        if not temperature > 0:
            raise block.wrong("temps", "must be a positive number (K)", index)
        if temperature > MAX_TEMPERATURE_K:
            raise block.wrong("temps", f"must be {MAX_TEMPERATURE_K:g} or less (K)", index)
        if temperature in temps[:index]:
            raise block.wrong("temps", "is given twice, remove one", index)
    return tuple(float(temperature) for temperature in temps)


def _read_ensembles(block: Section) -> tuple[str, ...]:
    given = block.get("ensembles", ValidationSettings.ensembles)
    if not given:
        raise block.wrong("ensembles", 'must have one or more of "nvt", "nve", "npt"')
    for index, name in enumerate(given):
        if name not in ENSEMBLES:
            raise block.wrong("ensembles", 'must be "nvt", "nve" or "npt"', index)
    for name in ("nve", "npt"):
        if f"{name}_steps" in block and name not in given:
            remedy = f'ensembles has no "{name}": add it there, or remove this'
            raise block.wrong(f"{name}_steps", remedy)
    if block.get("vacf", False) and "nve" not in given:
        remedy = 'velocities are recorded in "nve": add it to ensembles, or remove this'
        raise block.wrong("vacf", remedy)
    return tuple(name for name in ENSEMBLES if name in given or name == "nvt")


def _read_pressure(block: Section) -> float:
    pressure = block.get("press", ValidationSettings.pressure_bar)
    if abs(pressure) > MAX_NUMBER:
        raise block.wrong("press", f"must be {MAX_NUMBER:g} or less (bar)")
    return float(pressure)


def _read_models(block: Section, numb_models: int) -> int:
    if "models" not in block:
        return numb_models
    if block.integer("models") > numb_models:
        raise block.wrong("models", f"must be numb_models ({numb_models}) or less")
    return block["models"]


def _read_temp_factor(block: Section, record: Params) -> float:
    if "temp_factor" not in block:
        factors = [job.wte.guard.temp_factor for job in record.jobs]
        return max(factors, default=ValidationSettings.temp_factor)
    if block.number("temp_factor") <= 1:
        raise block.wrong("temp_factor", "must be above 1")
    return block.number("temp_factor")


def _read_steps(block: Section, key: str, timestep_ps: float) -> int:
    if key not in block:
        return math.ceil(round(DEFAULT_PS[key] / timestep_ps, 6))
    return block.steps(key, 0 if key == "equil_steps" else 1)


def _read_integer(block: Section, key: str, default: int) -> int:
    return block.integer(key) if key in block else default


def _read_trj_freq(
    block: Section, timestep_ps: float, steps: dict[str, int], ensembles: tuple[str, ...]
) -> int:
    if "trj_freq" in block:
        return block.integer("trj_freq")
    lengths = [steps[f"{name}_steps"] for name in ensembles]
    wanted = max(round(FRAME_PS / timestep_ps), math.ceil(max(lengths) / MAX_FRAMES))
    return max(1, min(wanted, min(lengths) // MIN_FRAMES))


def _check_lengths(block: Section, settings: ValidationSettings) -> None:
    """Parts that are long enough for what is made of them."""
    for name in settings.ensembles:
        key = f"{name}_steps"
        counted = getattr(settings, key) * (3 / 4 if name == "npt" else 1)
        for freq, least in (("thermo_freq", MIN_RECORDS), ("trj_freq", MIN_FRAMES)):
            every = getattr(settings, freq)
            if counted >= least * every:
                continue
            culprit = next(one for one in (key, freq, "ensembles") if one in block)
            remedy = f"{key} ({getattr(settings, key)}) must be {least} times {freq} ({every})"
            raise block.wrong(culprit, f"{remedy} or more" + " and a third" * (name == "npt"))


def _read_pairs(block: Section, type_map: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    if "pairs" not in block:
        return tuple(
            (one, other) for place, one in enumerate(type_map) for other in type_map[place:]
        )
    pairs: list[tuple[str, str]] = []
    for index, text in enumerate(block["pairs"]):
        names = text.split("-")
        if len(names) != 2 or not set(names) <= set(type_map):
            example = f"{type_map[0]}-{type_map[-1]}"
            remedy = f'must be two elements of type_map with a hyphen, as "{example}"'
            raise block.wrong("pairs", remedy, index)
        pair = (names[0], names[1])
        if pair in pairs or pair[::-1] in pairs:
            raise block.wrong("pairs", "is given twice, remove one", index)
        pairs.append(pair)
    return tuple(pairs)


def _read_diffusion(block: Section, type_map: tuple[str, ...]) -> tuple[str, ...]:
    if "diffusion" not in block:
        return tuple(name for name in type_map if name != "H") or type_map
    for index, name in enumerate(block["diffusion"]):
        if name not in type_map:
            remedy = f"must be an element of type_map ({', '.join(type_map)})"
            raise block.wrong("diffusion", remedy, index)
        if name in block["diffusion"][:index]:
            raise block.wrong("diffusion", "is given twice, remove one", index)
    return tuple(block["diffusion"])


def _read_viscosity(block: Section, temps_K: tuple[float, ...]) -> tuple[float, ...] | None:
    if "viscosity_mPa_s" not in block:
        return None
    given = block["viscosity_mPa_s"]
    values = given if isinstance(given, list) else [given] * len(temps_K)
    if len(values) != len(temps_K):
        remedy = f"must be one number, or a list of one per temperature ({len(temps_K)})"
        raise block.wrong("viscosity_mPa_s", remedy)
    for index, value in enumerate(values):
        if not 0 < value <= MAX_VISCOSITY_MPA_S:
            remedy = f"must be positive, and {MAX_VISCOSITY_MPA_S:g} or less (mPa s)"
            place = index if isinstance(given, list) else None
            raise block.wrong("viscosity_mPa_s", remedy, place)
    return tuple(float(value) for value in values)


def _read_bounds(section: Section) -> ValidationBounds:
    given = {key: section.number(key) for key in section.data if section[key] is not None}
    return ValidationBounds(**given)
