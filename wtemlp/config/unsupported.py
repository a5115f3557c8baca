"""DP-GEN's features that this version does not have: refused with a line, not ignored."""

from wtemlp.config.schema import ENGINE
from wtemlp.config.section import Section, show

ENGINES = (ENGINE, "lammps")

_OFF = (None, False, 0, [], {}, "")

#: keys whose default, and these values, mean that the feature is off
_TOP = {
    "use_ele_temp": _OFF,
    "train_backend": ("tensorflow",),
    "model_format": ("pb",),
    "training_iter0_model_path": _OFF,
    "training_init_model": _OFF,
    "training_reuse_iter": (None,),
    "training_reuse_old_ratio": ("auto",),  # these five: what training_reuse_iter begins
    "training_reuse_numb_steps": (None,),
    "training_reuse_start_lr": (None,),
    "training_reuse_start_pref_e": (None,),
    "training_reuse_start_pref_f": (None,),
    "training_init_frozen_model": _OFF,
    "training_finetune_model": _OFF,
    "model_devi_activation_func": (None,),
    "srtab_file_path": _OFF,
    "one_h5": _OFF,
    "model_devi_skip": _OFF,
    "model_devi_v_trust_lo": (1e10,),
    "model_devi_v_trust_hi": (1e10,),
    "model_devi_adapt_trust_lo": _OFF,
    "model_devi_numb_candi_f": (None,),  # these four: of model_devi_adapt_trust_lo
    "model_devi_numb_candi_v": (None,),
    "model_devi_perc_candi_f": (None,),
    "model_devi_perc_candi_v": (None,),
    "model_devi_f_avg_relative": _OFF,
    "model_devi_merge_traj": _OFF,
    "model_devi_nopbc": _OFF,
    "model_devi_plumed": _OFF,
    "model_devi_plumed_path": _OFF,
    "shuffle_poscar": _OFF,
    "use_relative": _OFF,
    "use_relative_v": _OFF,
    "epsilon": (None,),
    "epsilon_v": (None,),
    "lmp_d3": _OFF,
    "lmp_neigh_modify_one": (None,),
    "fp_accurate_threshold": (None,),
    "fp_accurate_soft_threshold": (None,),
    "fp_cluster_vacuum": _OFF,
    "use_clusters": _OFF,
    "cluster_cutoff": (None,),  # these three: of use_clusters
    "cluster_cutoff_hard": (None,),
    "cluster_minify": _OFF,
    "detailed_report_make_fp": (True,),
}

_JOB = {
    "template": _OFF,
    "rev_mat": _OFF,
    "sys_rev_mat": _OFF,
    "nbeads": (None, 1),
    "dt": (None,),
    "neidelay": (None,),
    "taut": (None,),
    "model_devi_f_trust_lo": (None,),
    "model_devi_f_trust_hi": (None,),
    "model_devi_v_trust_lo": (None,),
    "model_devi_v_trust_hi": (None,),
}

_REMEDY = "not supported by this version of wtemlp"


def refuse_unsupported(params: Section) -> None:
    """Raise an InputError at the first feature that this version does not have."""
    if params.get("model_devi_engine", ENGINES[-1]) not in ENGINES:
        names = " or ".join(f'"{name}"' for name in ENGINES)
        raise params.wrong("model_devi_engine", f"{_REMEDY}, use {names}")
    if params["fp_style"] == "amber/diff":
        remedy = 'goes with "model_devi_engine": "amber" only (it labels what Amber explored)'
        raise params.wrong("fp_style", f"{remedy}; use another")
    _refuse(params, _TOP)
    if params.get("model_devi_clean_traj", False) is not False:
        remedy = f"{_REMEDY}, use false: trajectories stay, and you may remove them"
        raise params.wrong("model_devi_clean_traj", remedy)
    for job in params.sections("model_devi_jobs"):
        _refuse(job, _JOB)


def _refuse(section: Section, features: dict[str, tuple]) -> None:
    for key, off in features.items():
        if key in section and section[key] not in off:
            instead = f"use {show(off[0])}" if isinstance(off[0], str) else "remove it"
            raise section.wrong(key, f"{_REMEDY}, {instead}")
