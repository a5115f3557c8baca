"""Parameter and machine files in the spirit of DP-GEN's examples: one for each of its features."""

import copy
from typing import Any

TRAINING = {
    "model": {
        "type_map": ["Si", "C"],
        "descriptor": {"type": "se_e2_a", "rcut": 6.0, "rcut_smth": 2.0, "sel": [40, 40]},
        "fitting_net": {"neuron": [60, 60]},
    },
    "learning_rate": {"type": "exp", "start_lr": 0.001},
    "loss": {"type": "ener"},
    "training": {"numb_steps": 40000, "disp_freq": 500},
}
JOB = {
    "_idx": "00",
    "sys_idx": [0, 1],
    "temps": [50, 300.0],
    "press": [1.0],
    "trj_freq": 10,
    "nsteps": 1000,
    "ensemble": "npt",
}
FP = ("fp_style", "fp_pp_path", "fp_pp_files", "fp_incar")
#: Carbide by LAMMPS and VASP.
CARBIDE = {
    "_comment": "silicon carbide",
    "type_map": ["Si", "C"],
    "mass_map": [28.085, 12.011],
    "init_data_prefix": "/data",
    "init_data_sys": ["carbide/start"],
    "init_batch_size": ["auto"],
    "sys_configs_prefix": "/data",
    "sys_configs": [["carbide/cubic/*"], ["carbide/hexagonal/*", "carbide/more/POSCAR"]],
    "sys_batch_size": [8, 8],
    "numb_models": 4,
    "default_training_param": TRAINING,
    "model_devi_dt": 0.002,
    "model_devi_skip": 0,
    "model_devi_f_trust_lo": 0.05,
    "model_devi_f_trust_hi": 0.20,
    "model_devi_clean_traj": True,
    "model_devi_jobs": [JOB],
    "fp_style": "vasp",
    "fp_task_max": 20,
    "fp_task_min": 5,
    "fp_pp_path": "/data/potentials",
    "fp_pp_files": ["POTCAR_Si", "POTCAR_C"],
    "fp_incar": "/data/INCAR",
}

GAUSSIAN = {"keywords": "force pbe1pbe/6-31g*", "nproc": 8, "multiplicity": 1}
PW = {"ecut": 60, "ediff": 1e-7, "smearing": "mp", "sigma": 0.02, "kspacing": 0.2}
SIESTA = {"ecut": 300, "ediff": 1e-4, "mixingWeight": 0.1, "NumberPulay": 5, "kspacing": 0.3}
PWMAT = {
    "node1": 1,
    "node2": 2,
    "in.atom": "atom.config",
    "ecut": 50,
    "e_error": 1e-4,
    "rho_error": 1e-4,
    "kspacing": 0.3,
    "flag_symm": 0,
}
FILES = {"fp_pp_path": "pp", "fp_pp_files": ["Si.upf", "C.upf"]}
GROMACS = {
    "mdp_filename": "md.mdp",
    "topol_filename": "processed.top",
    "conf_filename": "npt.gro",
    "index_filename": "index.raw",
    "type_filename": "type.raw",
    "ref_filename": "em.tpr",
}
NO_MD = {"model_devi_dt": ..., "model_devi_skip": ..., "model_devi_clean_traj": ...}
AMBER = {
    "model_devi_engine": "amber",
    **NO_MD,
    "low_level": "DFTB3",
    "cutoff": 6.0,
    "parm7": ["a.parm7", "b.parm7"],
    "mdin": ["a.mdin", "b.mdin"],
    "qm_region": [":1", ":1"],
    "qm_charge": [0, -1],
    "nsteps": [1000, 2000],
    "r": [[1.0, 1.5], [[1.0, 2.0]]],
    "disang": ["a.disang", "b.disang"],
    "model_devi_jobs": [{"sys_idx": [0], "trj_freq": 40}],
}
CALYPSO = {
    "model_devi_engine": "calypso",
    "model_devi_dt": ...,
    "model_devi_max_iter": 3,
    "calypso_input_path": "inputs",
    "vsc": True,
    "model_devi_jobs": [],
}


def job(**changes: Any) -> dict[str, Any]:
    """`model_devi_jobs` with the one entry changed."""
    return {"model_devi_jobs": [changed(JOB, changes)]}


def style(name: str, **keys: Any) -> dict[str, Any]:
    """Labels by another program than VASP."""
    return {**dict.fromkeys(FP, ...), "fp_style": name, **keys}


def changed(data: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy with keys set or, where the value is ``...``, removed."""
    merged = copy.deepcopy(data) | copy.deepcopy(changes)
    return {key: value for key, value in merged.items() if value is not ...}


#: What DP-GEN accepts, as changes to `CARBIDE`.
ACCEPTED = {
    "plain": {},
    "masses of elements": {"mass_map": "auto"},
    "an electron temperature": {"use_ele_temp": 1},
    "a training for each model": {"default_training_param": [TRAINING] * 4},
    "training that goes on": {
        "training_reuse_iter": 2,
        "training_reuse_stop_batch": 1000,
        "training_reuse_old_ratio": "auto:5",
        "training_reuse_start_lr": 1e-4,
        "training_reuse_start_pref_e": 1,
        "training_reuse_start_pref_f": 100,
    },
    "models to begin with": {"training_iter0_model_path": ["m*"], "training_init_model": True},
    "a fine-tuned model": {"training_finetune_model": ["a.pt"] * 4, "train_backend": "pytorch"},
    "a table for short distances": {"srtab_file_path": "zbl.txt", "one_h5": True},
    "activations": {"model_devi_activation_func": [["tanh", "tanh"]] * 4},
    "compressed models": {"dp_compress": True, "dp_train_skip_neighbor_stat": True},
    "trust levels by system": {
        "model_devi_f_trust_lo": [0.05, 0.06],
        "model_devi_f_trust_hi": {"0": 0.2, "1": 0.25},
    },
    "trust levels of the virial": {
        "model_devi_v_trust_lo": 0.1,
        "model_devi_v_trust_hi": [0.3, 0.4],
    },
    "adaptive trust levels": {
        "model_devi_adapt_trust_lo": True,
        "model_devi_numb_candi_f": 100,
        "model_devi_numb_candi_v": 0,
        "model_devi_perc_candi_f": 1.0,
        "model_devi_perc_candi_v": 0,
    },
    "relative deviations": {"use_relative": True, "epsilon": 1.0, "use_relative_v": True},
    "average deviations": {"model_devi_f_avg_relative": True},
    "one trajectory": {"model_devi_merge_traj": True, "model_devi_clean_traj": 3},
    "no periodicity": {"model_devi_nopbc": True, "fp_cluster_vacuum": 10.0},
    "shuffled structures": {"shuffle_poscar": True},
    "dispersion": {
        "lmp_d3": {
            "enable": True,
            "damping_function": "bj",
            "functional": "pbe",
            "cutoff": 30,
            "cn_cutoff": 20,
        },
        "lmp_neigh_modify_one": 5000,
    },
    "fewer labels as it learns": {
        "fp_accurate_threshold": 0.999,
        "fp_accurate_soft_threshold": 0.996,
        "ratio_failed": 0.1,
    },
    "no report": {"detailed_report_make_fp": False},
    "structures of another format": {"sys_format": "lammps/lmp"},
    "no iteration": {"model_devi_jobs": []},
    "constant energy": job(ensemble="nve", press=...),
    "a short run": job(nsteps=50),
    "times": job(taut=0.2, taup=2, neidelay=5, dt=0.001),
    "beads": job(nbeads=8),
    "trust levels by iteration": job(
        model_devi_f_trust_lo={"0": 0.1, "1": 0.2}, model_devi_f_trust_hi=0.5
    ),
    "templates": {
        "model_devi_plumed": True,
        **job(
            template={"lmp": "lmp/input.lammps", "plm": "lmp/input.plumed"},
            sys_idx=[0],
            ensemble=...,
            nsteps=...,
            temps=...,
            press=...,
            rev_mat={"lmp": {"V_NSTEPS": [1000], "V_TEMP": [50, 100]}, "plm": {"V_DIST": [3]}},
            sys_rev_mat={"0": {"lmp": {"V_PRES": [1]}, "plm": {"V_K": [5.0, 6.0]}}},
        ),
    },
    "gromacs": {
        "model_devi_engine": "gromacs",
        "gromacs_settings": GROMACS,
        "model_devi_jobs": [{"sys_idx": [0], "trj_freq": 10, "nsteps": 100, "lambdas": [0.5, 1]}],
    },
    "amber": AMBER,
    "calypso": CALYPSO,
    "vasp with custodian": {"cvasp": True, "fp_aniso_kspacing": [1.0, 1.0, 0.1]},
    "vasp without bad boxes": {"fp_skip_bad_box": "length_ratio:5;min_distance:0.8"},
    "gaussian": style("gaussian", fp_params=GAUSSIAN, use_clusters=True, cluster_cutoff=5.0),
    "siesta": style("siesta", fp_params=SIESTA, **FILES),
    "cp2k": style("cp2k", user_fp_params={"FORCE_EVAL": {"DFT": {"MGRID": {"CUTOFF": 400}}}}),
    "cp2k by its other name": style("cp2k", fp_params={"FORCE_EVAL": {}}),
    "cp2k with a file": style("cp2k", external_input_path="cp2k.inp"),
    "abacus": style(
        "abacus",
        user_fp_params={"ecutwfc": 80},
        k_points=[1, 1, 1, 0, 0, 0],
        fp_orb_files=["Si.orb", "C.orb"],
        **FILES,
    ),
    "abacus with files": style(
        "abacus", fp_incar="INPUT", fp_kpt_file="KPT", fp_dpks_descriptor="jle.orb", **FILES
    ),
    "amber/diff": AMBER
    | style(
        "amber/diff",
        high_level="PBE0",
        fp_params={"high_level_mdin": "high.mdin", "low_level_mdin": "low.mdin"},
    ),
    "pwmat": style("pwmat", fp_incar="etot.input", **FILES),
    "pwmat with keys": style("pwmat", user_fp_params=PWMAT, **FILES),
    "pwscf": style("pwscf", fp_params=PW, **FILES),
    "pwscf with its own keys": style("pwscf", user_fp_params={"kspacing": 0.2}, **FILES),
    "cpx": style("cpx", fp_params={"input_fn": "water", "template_fn": "template.in"}),
    "custom": style(
        "custom",
        fp_params={
            "input_fmt": "vasp/poscar",
            "input_fn": "POSCAR",
            "output_fmt": "vasp/outcar",
            "output_fn": "OUTCAR",
        },
    ),
}

#: What DP-GEN's code reads, but its schema refuses.
MORE = {
    "ranges of systems": job(sys_idx=["0-2"]),
    "a range with a step": job(sys_idx=["0-2:1"]),
    "fewest labels by iteration": job(task_min=3),
    "an iteration without training": job(sk_tr=True),
    "a knock": job(pka_e=1000),
    "older names": job(
        ens="nvt", Ts=[300], t_freq=10, ensemble=..., temps=..., press=..., trj_freq=...
    ),
    "older names, too": job(Ps=[1.0], traj_freq=10, press=..., trj_freq=...),
    "times of all iterations": {
        "model_devi_taut": 0.1,
        "model_devi_taup": 0.5,
        "model_devi_neidelay": 10,
    },
    "charges": {
        "model_devi_engine": "gromacs",
        "gromacs_settings": GROMACS,
        "sys_charges": [0, 1],
        "model_devi_jobs": [{"sys_idx": ["0-1"], "trj_freq": 10, "nsteps": 100}],
    },
    "electrons that are hotter": job(temps=[[300, 5000]]) | {"use_ele_temp": 1},
    "bands": {"fp_nbands_esti_data": "nbands.json"},
    "files written anew": {"pretty_print": True, "pretty_format": "yaml"},
}

#: What DP-GEN refuses: changes, and what the line must have in it.
REFUSED = {
    "a slip": ({"fp_task_mx": 3, "fp_task_max": ...}, 'did you mean "fp_task_max"?'),
    "what is missing": ({"fp_task_max": ...}, "fp_task_max is missing; add it: an integer"),
    "a list that is none": ({"sys_configs": ""}, 'sys_configs = ""; must be a list of lists'),
    "words for a number": ({"numb_models": "four"}, 'numb_models = "four"; must be an integer'),
    "no style": ({"fp_style": ...}, "fp_style is missing; add it: one of"),
    "a style with a slip": ({"fp_style": "vaps"}, 'fp_style = "vaps"; must be one of "abacus"'),
    "an engine that is none": ({"model_devi_engine": "lmp"}, 'model_devi_engine = "lmp"; must be'),
    "a key of another style": (
        style("gaussian", fp_params=GAUSSIAN, fp_pp_path="."),
        'fp_pp_path = "."; unknown key',
    ),
    "a key of no style": (
        style("pwscf", fp_params=PW | {"npar": 2}, **FILES),
        "fp_params.npar = 2; unknown key, remove it (known here: ecut, ediff, kspacing, sigma, ",
    ),
    "parameters that VASP has in a file": (
        {"fp_params": {"ecut": 600}},
        'fp_params = {"ecut": 600}; unknown key, VASP\'s parameters are those of the file fp_incar',
    ),
    "a file of former times": (
        {"train_param": "input.json"},
        'train_param = "input.json"; unknown key, DP-GEN takes the training input from default_',
    ),
    "a key in the wrong place": (
        {"trj_freq": 10},
        "trj_freq = 10; unknown key, it is a key of validation and of model_devi_jobs",
    ),
    "a key of another engine": (
        {"gromacs_settings": {}},
        'gromacs_settings = {}; unknown key, it needs "model_devi_engine": "gromacs"; else remove',
    ),
    "an iteration that is no object": ({"model_devi_jobs": [3]}, "model_devi_jobs[0] = 3; must be"),
    "a temperature in a string": (job(temps=["300"]), 'model_devi_jobs[0].temps[0] = "300"; must'),
    "pwmat without input": (style("pwmat", **FILES), "fp_incar, user_fp_params, or fp_params"),
    "a fraction above one": (
        {
            "model_devi_engine": "gromacs",
            "gromacs_settings": GROMACS,
            "model_devi_jobs": [{"sys_idx": [0], "trj_freq": 10, "nsteps": 100, "lambdas": [1.5]}],
        },
        "model_devi_jobs[0].lambdas = [1.5]; All lambda values must be in the inclusive range",
    ),
    "wte for another engine": (job(wte={"biasfactor": 4}), 'it needs "model_devi_engine": "wte"'),
}
