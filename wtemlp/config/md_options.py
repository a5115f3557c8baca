"""What DP-GEN's keys say of the MD of every iteration."""

from wtemlp.config.foreign import is_foreign
from wtemlp.config.records import MdOptions
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import NotRunnable

_RELATIVE = (("use_relative", "epsilon", "relative"), ("use_relative_v", "epsilon_v", "relative_v"))


def read_md_options(params: Section) -> MdOptions:
    """The record of a parameter file.

    Parameters
    ----------
    params : Section
        The file.
    """
    if is_foreign(params):
        return MdOptions(keep_iterations=_keep(params))
    one = "lmp_neigh_modify_one"
    average = params.get("model_devi_f_avg_relative", False)
    if average and params.get("use_relative", False):
        remedy = "not together with model_devi_f_avg_relative: remove one"
        raise NotRunnable.of(params.wrong("use_relative", remedy))
    return MdOptions(
        devi_words=_relative(params),
        d3=_d3(params),
        neigh_one=params.integer(one) if params.get(one) is not None else None,
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
    numbers = (d3.number(key, "Angstrom") for key in ("cutoff", "cn_cutoff"))
    return " ".join([d3["damping_function"], d3["functional"], *(f"{n:.10g}" for n in numbers)])


def _keep(params: Section) -> int | None:
    """How many iterations keep their trajectories when their labels are there."""
    key = "model_devi_clean_traj"
    given = params.get(key, False)
    if given is True:
        return 0
    if given is False:
        return None
    return params.integer(key, 0)
