"""The schemas of the input files: DP-GEN's own, extended.

Nothing of DP-GEN's is repeated here: its schema objects are taken and added to.  wtemlp's own keys
are those that the records declare.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dargs import Argument, Variant

from wtemlp.config.keys.declare import (
    ANY_COUNT,
    COUNT,
    CUTOFF_A,
    FRACTION,
    TIMESTEP_PS,
    Key,
    Range,
)
from wtemlp.config.keys.init import InitParams, WaterParams
from wtemlp.config.keys.labels import AseMethod, DeepPotential, LammpsKeys
from wtemlp.config.keys.machine import SECONDS, Stage, Trust, Waiting
from wtemlp.config.keys.wte import WteBlock
from wtemlp.config.records import Params
from wtemlp.config.schema.dpgen_more import extend_machine, extend_run
from wtemlp.config.schema.own_keys import arguments
from wtemlp.config.schema.section import Section
from wtemlp.dpgen import adapter

ENGINE = "wte"  #: value of ``model_devi_engine`` that this project adds
LAMMPS = "lammps"  #: a ``fp_style`` of this project, and DP-GEN's usual engine, whose keys ours has
ASE, DEEPMD = "ase", "deepmd"  #: values of ``fp_style`` that this project adds
OWN_STYLES = (LAMMPS, ASE, DEEPMD)  #: the fp styles that are not DP-GEN's
SAMPLER = "sampler"  #: the reference that does MD

#: Engines whose explorations DP-GEN prepares and reads.
GROMACS, AMBER, CALYPSO = "gromacs", "amber", "calypso"
FOREIGN = (GROMACS, AMBER, CALYPSO)


def engine_of(params: Section | Mapping[str, Any]) -> str:
    """The ``model_devi_engine`` of a parameter file."""
    return str(params.get("model_devi_engine", LAMMPS))


def is_foreign(params: Section | Mapping[str, Any]) -> bool:
    """Whether the engine is one that only DP-GEN prepares and reads (:data:`FOREIGN`)."""
    return engine_of(params) in FOREIGN


def run_schema() -> Argument:
    """Schema of the parameter file of ``wtemlp run``."""
    schema = adapter.run_arginfo()
    extend_run(schema)
    schema.extend_subfields(arguments(Params))
    engines = schema.sub_variants["model_devi_engine"]
    for engine in engines.choice_dict.values():
        if (cleaning := engine.sub_fields.get("model_devi_clean_traj")) is not None:
            cleaning.default = False  # DP-GEN removes trajectories, wtemlp keeps them
    merging = engines.choice_dict["lammps"].sub_fields["model_devi_merge_traj"]
    merging.doc += f' With "model_devi_engine": "{ENGINE}" the default is true.'
    wte = copy.deepcopy(engines.choice_dict["lammps"])
    wte.name = ENGINE
    wte.doc = "LAMMPS with the potential energy biased by PLUMED: the well-tempered ensemble"
    wte.sub_fields["model_devi_merge_traj"].default = True  # dpgen run has no such engine
    jobs = wte.sub_fields["model_devi_jobs"]
    temps = jobs.sub_fields["temps"]  # no electron temperatures
    temps.set_dtype([list[float]])
    temps.doc = "Temperatures (K) of the walkers."
    own = Key(doc="The well-tempered ensemble.")
    block = Argument("wte", dict, arguments(WteBlock), doc=own.text, extra_check=own)
    jobs.extend_subfields([block])
    engines.extend_choices([wte])
    schema.sub_variants["fp_style"].extend_choices(own_styles())
    schema.extend_subfields([sampler_argument()])
    return _limited(schema)


def own_styles() -> list[Argument]:
    """The references that are not DP-GEN's: the choices of ``fp_style``, with ``fp_params``."""
    return [
        _own_style(LAMMPS, LammpsKeys, "LAMMPS with a force field", "force field"),
        _own_style(ASE, AseMethod, "A calculator of ASE", "calculator"),
        _own_style(DEEPMD, DeepPotential, "A frozen Deep Potential", "model"),
    ]


def sampler_argument() -> Argument:
    """The block ``sampler``, of parameter and init files."""
    own = Key(doc="The reference that does MD, where it is not the one that labels.")
    choice = Variant("fp_style", own_styles(), doc="What does MD.")
    return Argument(SAMPLER, dict, [], [choice], optional=True, doc=own.text, extra_check=own)


def _own_style(style: str, record: type, what: str, method: str) -> Argument:
    own = Key(doc=f"The {method}.")
    params = Argument("fp_params", dict, arguments(record), doc=own.text, extra_check=own)
    return Argument(style, dict, [params], doc=f"{what} as the reference method")


def machine_schema() -> Argument:
    """Schema of the machine file: DP-GEN's and dpdispatcher's, with what DP-GEN's code accepts."""
    schema = adapter.machine_arginfo()
    extend_machine(schema)
    for stage in Stage:
        machine = schema[f"{stage}/machine"]
        machine.extend_subfields(arguments(Waiting) + arguments(Trust))
        ssh = machine.sub_variants["context_type"].choice_dict["SSHContext"]
        ssh.sub_fields["remote_profile"].sub_fields["username"].optional = True  # ~/.ssh/config
    return _limited(schema)


def init_schema() -> Argument:
    """Schema of the parameter file of ``wtemlp init``, with the references of that of ``run``."""
    styles = run_schema().sub_variants["fp_style"]
    made = Argument(
        "init", dict, arguments(InitParams), [styles], doc="Parameter file of wtemlp init"
    )
    made.extend_subfields([sampler_argument()])
    return made


def water_schema() -> Argument:
    """Schema of the parameter file of ``wtemlp init`` of earlier versions: a box of water."""
    return Argument("water", dict, arguments(WaterParams), doc="Init file of a box of water")


def _limited(schema: Argument, inside: str = "") -> Argument:
    """The schema with the bounds that wtemlp asks of DP-GEN's and dpdispatcher's numbers."""
    below = [*schema.sub_fields.values()]
    below += [one for v in schema.sub_variants.values() for one in v.choice_dict.values()]
    for argument in below:
        ranges = LOGIN_RANGES if inside == "remote_profile" else RANGES
        if argument.name in ranges and argument.extra_check is None:
            argument.extra_check = Key(ranges[argument.name])
        _limited(argument, argument.name)
    return schema


_PS, _PERCENT = Range(gt=0, unit="ps"), Range(0, 100, unit="%")
RANGES = {
    "numb_models": COUNT,
    "fp_task_max": COUNT,
    "fp_task_min": ANY_COUNT,
    "task_min": ANY_COUNT,
    "ratio_failed": FRACTION,
    "fp_accurate_threshold": FRACTION,
    "fp_accurate_soft_threshold": FRACTION,
    "fp_cluster_vacuum": CUTOFF_A,
    "model_devi_dt": TIMESTEP_PS,
    "dt": TIMESTEP_PS,
    "taut": _PS,
    "taup": _PS,
    "model_devi_taut": _PS,
    "model_devi_taup": _PS,
    "neidelay": ANY_COUNT,
    "model_devi_neidelay": ANY_COUNT,
    "lmp_neigh_modify_one": COUNT,
    "model_devi_skip": ANY_COUNT,
    "model_devi_numb_candi_f": ANY_COUNT,
    "model_devi_numb_candi_v": ANY_COUNT,
    "model_devi_perc_candi_f": _PERCENT,
    "model_devi_perc_candi_v": _PERCENT,
    "trj_freq": COUNT,
    "nbeads": COUNT,
    "retry_count": ANY_COUNT,
    "number_node": COUNT,
    "para_deg": COUNT,
    "cpu_per_node": ANY_COUNT,
    "gpu_per_node": ANY_COUNT,
    "group_size": ANY_COUNT,
    "wait_time": SECONDS,
    "ratio_unfinished": Range(ge=0, lt=1),
}
#: Of a ``remote_profile``.
LOGIN_RANGES = {
    "port": replace(COUNT, le=65535),
    "timeout": replace(COUNT, le=86400, unit="s"),
    "archive_chunk_size": ANY_COUNT,
}
