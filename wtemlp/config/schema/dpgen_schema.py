"""The schemas of the input files: DP-GEN's own, extended.

Nothing of DP-GEN's is repeated here: its schema objects are taken and added to.  The bounds of
numbers are checked where the records are made, with messages that give the value.
"""

import copy

from dargs import Argument

from wtemlp.config.records import BY_ENSEMBLE, TOGETHER, ForceField, Selection
from wtemlp.config.schema.dpgen_more import extend_machine, extend_run
from wtemlp.config.schema.validation_schema import validation_block
from wtemlp.config.schema.wte_schema import wte_block
from wtemlp.dpgen import adapter

ENGINE = "wte"  #: value of ``model_devi_engine`` that this project adds
FP_STYLE = "lammps"  #: value of ``fp_style`` that this project adds
ASE = "ase"  #: another
OWN_STYLES = (FP_STYLE, ASE)  #: the fp styles that are not DP-GEN's
FORCE_FIELDS = ("tip3p-flexible",)  #: reference force fields that wtemlp knows


def run_schema() -> Argument:
    """Schema of the parameter file of ``wtemlp run``."""
    schema = adapter.run_arginfo()
    extend_run(schema)
    schema.extend_subfields(_top_level())
    engines = schema.sub_variants["model_devi_engine"]
    for name in ("lammps", "gromacs", "amber", "calypso"):
        cleaning = engines.choice_dict[name].sub_fields.get("model_devi_clean_traj")
        if cleaning is not None:
            cleaning.default = False  # DP-GEN removes trajectories, wtemlp keeps them
        jobs = engines.choice_dict[name].sub_fields["model_devi_jobs"]
        if "sys_idx" not in jobs.sub_fields:
            continue
        # DP-GEN's code expands ranges as "0-3"; its schema does not know them.
        jobs.sub_fields["sys_idx"].set_dtype([list[int | str]])
        if "trj_freq" in jobs.sub_fields:  # nor these, by which its code finds it, too
            jobs.sub_fields["trj_freq"].alias = ["t_freq", "traj_freq"]
    wte = copy.deepcopy(engines.choice_dict["lammps"])
    wte.name = ENGINE
    wte.doc = "LAMMPS with the potential energy biased by PLUMED: the well-tempered ensemble"
    jobs = wte.sub_fields["model_devi_jobs"]
    temps = jobs.sub_fields["temps"]  # no electron temperatures
    temps.set_dtype([list[float]])
    temps.doc = "Temperatures (K) of the walkers."
    jobs.extend_subfields([wte_block()])
    engines.extend_choices([wte])
    _extend_dpgen_styles(schema.sub_variants["fp_style"].choice_dict)
    doc = "LAMMPS with a force field as the reference method"
    force_field = Argument("fp_params", dict, _force_field(), doc="The reference force field.")
    schema.sub_variants["fp_style"].extend_choices(
        [Argument(FP_STYLE, dict, [force_field], doc=doc), _ase_style()]
    )
    return schema


def _ase_style() -> Argument:
    fields = [
        Argument("calculator", str, doc="Import path of its class, as ase.calculators.emt.EMT."),
        Argument("kwargs", dict, optional=True, default={}, doc="Keyword arguments of the class."),
        Argument("periodic", bool, optional=True, default=True, doc="False: molecules in vacuum."),
    ]
    method = Argument("fp_params", dict, fields, doc="The calculator.")
    return Argument(ASE, dict, [method], doc="A calculator of ASE as the reference method")


def _extend_dpgen_styles(styles: dict[str, Argument]) -> None:
    """Keys of DP-GEN's fp styles that its code reads and its schema does not know."""
    doc = "Boxes that are not labelled, as length_ratio:5;min_distance:0.5."
    for style in styles.values():
        if "fp_skip_bad_box" not in style.sub_fields:
            style.extend_subfields([Argument("fp_skip_bad_box", str, optional=True, doc=doc)])
    doc_path, doc_files = "Folder of fp_pp_files.", "Files that the input file names."
    styles["cp2k"].extend_subfields(
        [
            Argument("fp_pp_path", str, optional=True, default=".", doc=doc_path),
            Argument("fp_pp_files", list, optional=True, default=[], doc=doc_files),
        ]
    )
    doc = "Input of the user's own, in the place of fp_params."
    styles["siesta"].sub_fields["fp_params"].optional = True
    styles["siesta"].extend_subfields([Argument("user_fp_params", dict, optional=True, doc=doc)])


def machine_schema() -> Argument:
    """Schema of the machine file: DP-GEN's and dpdispatcher's, with what DP-GEN's code accepts."""
    schema = adapter.machine_arginfo()
    extend_machine(schema, STAGES)
    for stage in STAGES:
        section = schema.sub_fields[stage]
        doc = "Tasks in one job, where resources.group_size is 1."
        section.extend_subfields([Argument("group_size", int, optional=True, doc=doc)])
        machine = section.sub_fields["machine"]
        machine.extend_subfields(_own_machine_keys())
        ssh = machine.sub_variants["context_type"].choice_dict["SSHContext"]
        ssh.sub_fields["remote_profile"].sub_fields["username"].optional = True  # ~/.ssh/config
        batches = section.sub_fields["resources"].sub_variants["batch_type"].choice_dict
        for batch in batches.values():
            kwargs = batch.sub_fields.get("kwargs")
            if kwargs is not None and not kwargs.optional:
                # dpdispatcher asks for it only where resources name the batch system.
                kwargs.optional, kwargs.default = True, {}
        for key in ("user_forward_files", "user_backward_files"):
            section.sub_fields[key].set_dtype([list[str]])
    return schema


#: What ``strict_host_key_checking`` may be; the first is usual.
HOST_KEY_CHECKING = ("yes", "accept-new", "no")
WORDS = ", ".join(f'"{word}"' for word in HOST_KEY_CHECKING)
STAGES = ("train", "model_devi", "fp")  #: sections of a machine file


def init_schema() -> Argument:
    """Schema of the parameter file of ``wtemlp init``."""
    number = [float]
    fields = [
        Argument("seed", int, optional=True, default=1, doc=_DOC_SEED),
        Argument("type_map", list[str], doc="Elements of the data, in the order of their types."),
        Argument("n_molecules", int, doc="Water molecules in the box."),
        Argument(
            "density_g_cm3", number, optional=True, default=1.0, doc="Density of the first box."
        ),
        Argument("force_field", dict, _force_field("name"), doc="The reference force field."),
        Argument("temperature_K", number, doc="Temperature of the thermostat, K."),
        Argument(
            "pressure_bar", number, optional=True, default=1.0, doc="Pressure of the barostat, bar."
        ),
        Argument("timestep_fs", number, optional=True, default=0.5, doc="MD time step, fs."),
        Argument("npt_steps", int, doc="Steps at constant pressure, to find the box."),
        Argument("nvt_steps", int, doc="Steps at constant volume; frames are from the last 3/4."),
        Argument(
            "biasfactor",
            [float, list[float]],
            optional=True,
            default=[],
            doc="Bias factors of the WTE runs with the force field; none if empty.",
        ),
        Argument("wte_steps", int, optional=True, doc="Steps of the WTE run of each bias factor."),
        Argument(
            "height_kT",
            [float, str],
            optional=True,
            default="auto",
            doc='First height of the hills, kT; "auto" is 0.5.',
        ),
        Argument("pace", int, optional=True, default=100, doc="Steps between hills."),
        Argument("frames_per_ensemble", int, doc="Labelled frames of NVT, and of each WTE run."),
        Argument(
            "validation_fraction",
            number,
            optional=True,
            default=0.1,
            doc="Fraction of the frames that is kept for validation.",
        ),
        Argument(
            "starting_structures",
            int,
            optional=True,
            default=1,
            doc="Structures that are written for the exploration to start from.",
        ),
        Argument("data", str, optional=True, default=TOGETHER, doc=_DOC_DATA),
        Argument("output", str, optional=True, default="init", doc="Folder that is written."),
    ]
    return Argument("init", dict, fields, doc="Parameter file of wtemlp init")


_DOC_DATA = (
    f"{TOGETHER}: the frames of all ensembles are shuffled into one set of data; {BY_ENSEMBLE}: "
    "each has its own, data/g1 (NVT), data/g16, ..., and its own structures, conf/g1, ..."
)
_DOC_SEED = "Every random number of the run derives from it."


def _own_machine_keys() -> list[Argument]:
    """Keys of a machine that are not dpdispatcher's."""
    return [
        Argument("poll_seconds", float, optional=True, doc="Time between two looks at the jobs."),
        Argument(
            "outage_seconds",
            float,
            optional=True,
            doc="How long to wait for a host or queue that does not answer.",
        ),
        Argument(
            "strict_host_key_checking",
            str,
            optional=True,
            doc="Which SSH hosts are trusted, with the words of ssh_config: " + WORDS + ".",
        ),
        Argument("known_hosts_file", str, optional=True, doc="File of the known SSH host keys."),
    ]


def _top_level() -> list[Argument]:
    convergence = [
        Argument(
            "accurate_ratio",
            float,
            doc="Fraction of the explored frames that is below the lower trust level, in the worst "
            "of the parts (NVT; each bias factor), frames that stopped walkers did not reach "
            "counted as failed.",
        ),
        Argument(
            "iterations",
            int,
            optional=True,
            default=1,
            doc="Successive iterations in which the fraction must be reached.",
        ),
    ]
    return [
        Argument("seed", int, optional=True, default=1, doc=_DOC_SEED),
        Argument(
            "validation_data_sys",
            list[str],
            optional=True,
            default=[],
            doc="Labelled data that is never trained on; init_data_prefix applies.",
        ),
        Argument(
            "convergence",
            dict,
            convergence,
            optional=True,
            doc="When to stop before the last entry of model_devi_jobs.",
        ),
        Argument(
            "selection",
            dict,
            _selection(),
            optional=True,
            doc="How the frames that are labelled are picked, fp_task_max for each system at most.",
        ),
        validation_block(),
    ]


def _selection() -> list[Argument]:
    return [
        Argument(
            "method",
            str,
            optional=True,
            default=Selection.method,
            doc='"deviation": from the candidates, which are between the trust levels; "random": '
            "from all explored frames, whatever their deviation, but those of a walker that had "
            "left the physical world: a baseline to compare with.",
        ),
        Argument(
            "energy_bins",
            int,
            optional=True,
            doc="Draw evenly over so many bins of equal width between the lowest and the highest "
            "energy of the frames that can be picked.",
        ),
        Argument(
            "min_steps_apart",
            int,
            optional=True,
            default=Selection.min_steps_apart,
            doc="Frames of a walker that are fewer MD steps away from one that is picked are not.",
        ),
    ]


def _force_field(key: str = "force_field") -> list[Argument]:
    return [
        Argument(key, str, doc="Name of the force field: " + ", ".join(FORCE_FIELDS) + "."),
        Argument(
            "cutoff_A",
            float,
            optional=True,
            default=ForceField.cutoff_A,
            doc="Cut-off of Lennard-Jones and of real-space Coulomb, Angstrom.",
        ),
        Argument(
            "kspace_accuracy",
            float,
            optional=True,
            default=ForceField.kspace_accuracy,
            doc="Relative accuracy of PPPM.",
        ),
    ]
