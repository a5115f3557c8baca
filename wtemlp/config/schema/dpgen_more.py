"""What DP-GEN's code reads although its schema does not know it.

``dpgen run`` refuses a file that has one of these keys since it began to check files; but they
still do what they did before.
"""

from collections.abc import Sequence
from typing import Any

from dargs import Argument, Variant

from wtemlp.config.keys.machine import Stage


def extend_run(schema: Argument) -> None:
    """Add to the schema of a parameter file.

    Parameters
    ----------
    schema : Argument
        DP-GEN's own; changed.
    """
    schema.extend_subfields(
        [
            _optional("pretty_print", bool, "Whether the files are written anew, indented."),
            _optional("pretty_format", str, 'Format of these: "json" or "yaml".'),
        ]
    )
    engines = schema.sub_variants["model_devi_engine"].choice_dict
    for engine in engines.values():
        jobs = engine.sub_fields["model_devi_jobs"]
        jobs.extend_subfields([new for new in _any_job() if new.name not in jobs.sub_fields])
    _extend_lammps(engines["lammps"])
    engines["gromacs"].extend_subfields(
        [_optional("sys_charges", list[int], "Charge of each system of sys_configs.")]
    )
    styles = schema.sub_variants["fp_style"].choice_dict
    doc = "File that numbers of bands are estimated from, where there is an electron temperature."
    styles["vasp"].extend_subfields([_optional("fp_nbands_esti_data", str, doc)])


def _extend_lammps(engine: Argument) -> None:
    engine.extend_subfields(
        [
            _optional("model_devi_taut", float, "Coupling time of the thermostat (ps)."),
            _optional("model_devi_taup", float, "Coupling time of the barostat (ps)."),
            _optional("model_devi_neidelay", int, "Steps before a new list of neighbours."),
        ]
    )
    jobs = engine.sub_fields["model_devi_jobs"]
    doc = "Frames of a path, which PLUMED reads as plmpath.pdb (model_devi_plumed_path)."
    jobs.sub_fields["template"].extend_subfields([_optional("plm_path", str, doc)])
    for key in ("f_trust_lo", "f_trust_hi", "v_trust_lo", "v_trust_hi"):
        jobs.sub_fields[f"model_devi_{key}"].set_dtype([float, list[float], dict])
    temps = jobs.sub_fields["temps"]
    temps.set_dtype([list[float], list[list[float]]])
    temps.doc += " With use_ele_temp, pairs with the electrons' temperature (K)."
    doc = "Kinetic energy that one atom, chosen at random, is given at the start (eV)."
    jobs.extend_subfields([_optional("pka_e", float, doc)])
    for name, others in _OTHER_NAMES.items():
        jobs.sub_fields[name].alias = others


#: Older names of keys of ``model_devi_jobs``.
_OTHER_NAMES: dict[str, Sequence[str]] = {
    "ensemble": ["ens"],
    "temps": ["Ts"],
    "press": ["Ps"],
    "trj_freq": ["t_freq", "traj_freq"],
}


def _any_job() -> list[Argument]:
    doc_min = "Fewest candidates of a system that are labelled in this iteration."
    doc_skip = "Whether the next iteration takes over this iteration's models."
    skip = _optional("skip_training", bool, doc_skip)
    skip.alias = ["skip_train", "sk_tr", "s_t"]
    task_min = _optional("task_min", int, doc_min)
    return [task_min, skip]


def extend_machine(schema: Argument) -> None:
    """Add to the schema of a machine file.

    Parameters
    ----------
    schema : Argument
        DP-GEN's own; changed.
    """
    doc = "Handlers of the log: smtp sends mail."
    schema.extend_subfields([_optional("handlers", dict, doc)])
    for stage in Stage:
        machine, resources = (schema.sub_fields[stage][part] for part in ("machine", "resources"))
        batches = resources.sub_variants["batch_type"]
        _put_in_order(machine.sub_variants["context_type"], batches, machine["batch_type"])
        for batch in batches.choice_dict.values():
            kwargs = batch.sub_fields.get("kwargs")
            if kwargs is not None and not kwargs.optional:
                # dpdispatcher misses it only where resources name the batch system.
                kwargs.optional, kwargs.default = True, {}
    schema.sub_fields["model_devi"].extend_subfields(
        [
            _optional("calypso_path", str, "Folder of calypso.x."),
            _optional("deepmdkit_python", str, "Python that runs CALYPSO's scripts."),
        ]
    )


def _put_in_order(*some: Argument | Variant) -> None:
    """Sort what dpdispatcher makes from sets, with another order in each process."""
    for one in some:
        if isinstance(one, Variant):
            one.choice_dict = dict(sorted(one.choice_dict.items()))
            one.choice_alias = dict(sorted(one.choice_alias.items()))
        text, option, names = one.doc.partition("Option: ")
        one.doc = text + option + ", ".join(sorted(names.split(", ")))


def _optional(name: str, kind: Any, doc: str) -> Argument:
    return Argument(name, kind, optional=True, doc=doc)
