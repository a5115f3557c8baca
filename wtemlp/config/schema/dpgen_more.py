"""What DP-GEN's code reads although its schema does not know it.

``dpgen run`` refuses a file that has one of these keys since it began to check files; but they
still do what they did before.
"""

from typing import Any

from dargs import Argument, Variant

from wtemlp.config.keys.machine import Stage

_LAMMPS, _MODEL_DEVI = "[model_devi_engine=lammps]", "model_devi"
_JOBS = f"{_LAMMPS}model_devi_jobs"
_SKIP_BOX = "Boxes that are not labelled, as length_ratio:5;min_distance:0.5."
_PATH = "Frames of a path, which PLUMED reads as plmpath.pdb (model_devi_plumed_path)."
_KNOCK = "Kinetic energy that one atom, chosen at random, is given at the start (eV)."
_BANDS = "File that numbers of bands are estimated from, where there is an electron temperature."
#: Where in the schema, key, type and meaning.
_RUN: tuple[tuple[str, str, Any, str], ...] = (
    ("", "pretty_print", bool, "Whether the files are written again, indented."),
    ("", "pretty_format", str, 'Format of these: "json" or "yaml".'),
    (_LAMMPS, "model_devi_taut", float, "Coupling time of the thermostat (ps)."),
    (_LAMMPS, "model_devi_taup", float, "Coupling time of the barostat (ps)."),
    (_LAMMPS, "model_devi_neidelay", int, "Steps before a new list of neighbours."),
    (_JOBS, "pka_e", float, _KNOCK),
    (f"{_JOBS}/template", "plm_path", str, _PATH),
    (
        "[model_devi_engine=gromacs]",
        "sys_charges",
        list[int],
        "Charge of each of sys_configs.",
    ),
    ("[fp_style=vasp]", "fp_nbands_esti_data", str, _BANDS),
    ("[fp_style=cp2k]", "fp_pp_path", str, "Folder of fp_pp_files."),
    ("[fp_style=cp2k]", "fp_pp_files", list, "Files that the input file names."),
    ("[fp_style=siesta]", "user_fp_params", dict, "Input of the user's own, for fp_params."),
)
#: Of the entries of ``model_devi_jobs``, whatever the engine.
_ANY_JOB: tuple[tuple[str, Any, str], ...] = (
    ("task_min", int, "Fewest candidates of a system that are labelled in this iteration."),
    ("skip_training", bool, "Whether the next iteration takes over this iteration's models."),
)
_MACHINE: tuple[tuple[str, str, Any, str], ...] = (
    ("", "handlers", dict, "Handlers of the log: smtp sends mail."),
    (_MODEL_DEVI, "calypso_path", str, "Folder of calypso.x."),
    (_MODEL_DEVI, "deepmdkit_python", str, "Python that runs CALYPSO's scripts."),
)
#: Other names of keys of ``model_devi_jobs``.
_OTHER_NAMES = {
    "trj_freq": ["t_freq", "traj_freq"],
    "skip_training": ["skip_train", "sk_tr", "s_t"],
}
_OTHER_NAMES_LAMMPS = {"ensemble": ["ens"], "temps": ["Ts"], "press": ["Ps"]}


def extend_run(schema: Argument) -> None:
    """Add to the schema of a parameter file.

    Parameters
    ----------
    schema : Argument
        DP-GEN's own; changed.
    """
    for where, key, kind, doc in _RUN:
        _add(schema[where], key, kind, doc)
    for engine in schema.sub_variants["model_devi_engine"].choice_dict.values():
        jobs = engine.sub_fields["model_devi_jobs"]
        for key, kind, doc in _ANY_JOB:
            _add(jobs, key, kind, doc)
        for key, others in _OTHER_NAMES.items():
            if key in jobs.sub_fields and not jobs[key].alias:
                jobs[key].alias = others
        if "sys_idx" in jobs.sub_fields:
            jobs["sys_idx"].set_dtype([list[int | str]])  # ranges, as "0-3"
    jobs = schema[_JOBS]
    for key, others in _OTHER_NAMES_LAMMPS.items():
        jobs[key].alias = others
    for key in ("f_trust_lo", "f_trust_hi", "v_trust_lo", "v_trust_hi"):
        jobs[f"model_devi_{key}"].set_dtype([float, list[float], dict])
    jobs["temps"].set_dtype([list[float], list[list[float]]])
    jobs["temps"].doc += " With use_ele_temp, pairs with the electrons' temperature (K)."
    for style in schema.sub_variants["fp_style"].choice_dict.values():
        _add(style, "fp_skip_bad_box", str, _SKIP_BOX)
    schema["[fp_style=siesta]fp_params"].optional = True
    cp2k = schema["[fp_style=cp2k]"]  # DP-GEN's code needs both
    cp2k["fp_pp_path"].default, cp2k["fp_pp_files"].default = ".", []


def extend_machine(schema: Argument) -> None:
    """Add to the schema of a machine file.

    Parameters
    ----------
    schema : Argument
        DP-GEN's own; changed.
    """
    for where, key, kind, doc in _MACHINE:
        _add(schema[where], key, kind, doc)
    for stage in Stage:
        section = schema.sub_fields[stage]
        _add(section, "group_size", int, "Tasks in one job, where resources.group_size is 1.")
        for key in ("user_forward_files", "user_backward_files"):
            section[key].set_dtype([list[str]])
        batches = section["resources"].sub_variants["batch_type"]
        machine = section["machine"]
        _put_in_order(machine.sub_variants["context_type"], batches, machine["batch_type"])
        for batch in batches.choice_dict.values():
            kwargs = batch.sub_fields.get("kwargs")
            if kwargs is not None and not kwargs.optional:
                # dpdispatcher misses it only where resources name the batch system.
                kwargs.optional, kwargs.default = True, {}


def _add(argument: Argument, key: str, kind: Any, doc: str) -> None:
    if key not in argument.sub_fields:
        argument.extend_subfields([Argument(key, kind, optional=True, doc=doc)])


def _put_in_order(*some: Argument | Variant) -> None:
    """Sort what dpdispatcher makes from sets, with another order in each process."""
    for one in some:
        if isinstance(one, Variant):
            one.choice_dict = dict(sorted(one.choice_dict.items()))
            one.choice_alias = dict(sorted(one.choice_alias.items()))
        text, option, names = one.doc.partition("Option: ")
        one.doc = text + option + ", ".join(sorted(names.split(", ")))
