"""MD of DP-GEN's engine ``lammps`` without a template: what its keys say, and whose script it is.

wtemlp's own script has a guard that stops a walker which leaves the physical world; it measures
the energy for it first.  What that script cannot do, DP-GEN's does, as DP-GEN writes it.
"""

from wtemlp.config.keys.declare import ANY_COUNT, CUTOFF_A
from wtemlp.config.records import DPGEN, OWN, MdOptions
from wtemlp.config.schema.dpgen_schema import is_foreign
from wtemlp.config.schema.section import Section
from wtemlp.config.wte import MIN_NVT_STEPS
from wtemlp.core.errors import NotRunnable

_OFF = (None, False)
_RELATIVE = (("use_relative", "epsilon", "relative"), ("use_relative_v", "epsilon_v", "relative_v"))
#: Keys of an entry, and of all entries.
_OF_ALL = {"taut": "model_devi_taut", "taup": "model_devi_taup"}
_NOT_BEADS = (1, 10, 100)  #: for which DP-GEN's loop over them is too short
#: Keys of the file, and of an entry, with which DP-GEN writes the script; and why not wtemlp.
_OF_FILE = {
    "model_devi_nopbc": "a bias on the energy is made for a periodic cell",
    "model_devi_f_avg_relative": "the forces of a biased run are biased, so none are stored",
}
_OF_ENTRY = {
    "nbeads": "the beads of a path integral have no energy in common to bias",
    "pka_e": "a knock is a process out of equilibrium, which the bias would hide",
}


def whose_script(params: Section, job: Section) -> str:
    """Who writes the LAMMPS script of an entry: :data:`OWN` or :data:`DPGEN`.

    Parameters
    ----------
    params : Section
        The parameter file.
    job : Section
        The entry of ``model_devi_jobs``.
    """
    asked = [params.get(key) for key in _OF_FILE] + [job.get(key) for key in _OF_ENTRY]
    if any(value not in _OFF for value in asked) or job["ensemble"] == "nve":
        _check_dpgens(params, job)
        return DPGEN
    nvt_steps = first_quarter(job["nsteps"], job["trj_freq"])
    return OWN if MIN_NVT_STEPS <= nvt_steps < job["nsteps"] else DPGEN


def first_quarter(nsteps: int, trj_freq: int) -> int:
    """Steps that measure the energy for the guard, a multiple of `trj_freq`."""
    return max(nsteps // 4 // max(trj_freq, 1), 1) * trj_freq


def _check_dpgens(params: Section, job: Section) -> None:
    """What DP-GEN refuses when it writes the script."""
    constant_pressure = str(job["ensemble"]).startswith("npt")
    if params.get("model_devi_nopbc") and constant_pressure:
        error = job.wrong("ensemble", "must be nvt or nve: with model_devi_nopbc there is no cell")
        raise NotRunnable.of(error)
    if job.get("nbeads") is None:
        return
    if job["nbeads"] in _NOT_BEADS:
        remedy = "must be another number: DP-GEN's script has no names for so many beads"
        raise NotRunnable.of(job.wrong("nbeads", remedy))
    for key in ("model_devi_f_avg_relative", "model_devi_merge_traj"):
        if params.get(key):
            raise NotRunnable.of(params.wrong(key, "not together with nbeads: remove one"))
    if job["nsteps"] % job["trj_freq"]:
        remedy = f"must be a multiple of trj_freq ({job['trj_freq']}) with nbeads"
        raise NotRunnable.of(job.wrong("nsteps", remedy))
    if job["ensemble"] in ("npt-t", "npt-tri"):
        remedy = "must be another with nbeads: fix pimd/langevin has no triclinic barostat"
        raise NotRunnable.of(job.wrong("ensemble", remedy))


def refuse_with_bias(params: Section, job: Section) -> None:
    """Refuse what only DP-GEN's script does, where the script must bias the energy.

    Raises
    ------
    NotRunnable
    """
    for section, keys in ((params, _OF_FILE), (job, _OF_ENTRY)):
        for key, why in keys.items():
            if section.get(key) not in _OFF:
                remedy = f'not with "model_devi_engine": "wte" ({why}): remove it'
                raise NotRunnable.of(section.wrong(key, remedy))


def setting(params: Section, job: Section, name: str) -> float | None:
    """A relaxation time, ps: the entry's, or that of all entries; None: DP-GEN's default."""
    for section, key in ((job, name), (params, _OF_ALL[name])):
        if section.get(key) is not None:
            return float(section[key])
    return None


def read_md_options(params: Section) -> MdOptions:
    """The record of a parameter file.

    Parameters
    ----------
    params : Section
        The file.
    """
    if is_foreign(params):
        return MdOptions(keep_iterations=_keep(params))
    average = params.get("model_devi_f_avg_relative", False)
    if average and params.get("use_relative", False):
        remedy = "not together with model_devi_f_avg_relative: remove one"
        raise NotRunnable.of(params.wrong("use_relative", remedy))
    return MdOptions(
        devi_words=_relative(params),
        d3=_d3(params),
        neigh_one=params.get("lmp_neigh_modify_one"),
        shuffle=params.get("shuffle_poscar", False),
        periodic=not params.get("model_devi_nopbc", False),
        merge_traj=params.get("model_devi_merge_traj", False),
        f_average=average,
        keep_iterations=_keep(params),
        plumed_path=params.get("model_devi_plumed_path", False),
    )


def _relative(params: Section) -> str:
    """Words of ``pair_style deepmd`` for deviations relative to the size of force or virial."""
    words = []
    for key, level, word in _RELATIVE:
        if not params.get(key, False):
            continue
        if params.get(level) is None:
            remedy = f"add it: a positive number, which {key} needs"
            raise NotRunnable.of(params.missing(level, remedy))
        words.append(f"{word} {params.number(level):.10g}")
    return " ".join(words)


def _d3(params: Section) -> str:
    if not params.get("lmp_d3") or not params["lmp_d3"]["enable"]:
        return ""
    d3 = params.section("lmp_d3")
    numbers = (d3.number(key, CUTOFF_A) for key in ("cutoff", "cn_cutoff"))
    return " ".join([d3["damping_function"], d3["functional"], *(f"{n:.10g}" for n in numbers)])


def _keep(params: Section) -> int | None:
    """How many iterations keep their trajectories when their labels are there."""
    key = "model_devi_clean_traj"
    given = params.get(key, False)
    if given is True:
        return 0
    if given is False:
        return None
    return params.integer(key, ANY_COUNT)
