"""DP-GEN's features that this version does not have: refused with a line, not ignored."""

from collections.abc import Iterator

from wtemlp.config.schema import ENGINE
from wtemlp.config.section import Section, show
from wtemlp.config.template import refuse_without_template
from wtemlp.errors import InputError, NotRunnable

ENGINES = (ENGINE, "lammps")

_OFF = (None, False, 0, [], {}, "")

#: keys whose default, and these values, mean that the feature is off
_TOP = {
    "use_ele_temp": _OFF,
    "use_clusters": _OFF,
    "cluster_cutoff": (None,),  # these three: of use_clusters
    "cluster_cutoff_hard": (None,),
    "cluster_minify": _OFF,
    # what DP-GEN's code reads, but its schema does not know
    "fp_nbands_esti_data": _OFF,
    "sys_charges": _OFF,
}

_REMEDY = "not supported by this version of wtemlp"


def refuse_unsupported(params: Section) -> None:
    """Raise a NotRunnable at the first feature that this version does not have."""
    for problem in unsupported(params):
        raise problem


def unsupported(params: Section) -> Iterator[NotRunnable]:
    """Every feature of a parameter file that this version does not have.

    Parameters
    ----------
    params : Section
        The file, checked against its schema.
    """
    if params.get("model_devi_engine", ENGINES[-1]) not in ENGINES:
        names = " or ".join(f'"{name}"' for name in ENGINES)
        yield NotRunnable.of(params.wrong("model_devi_engine", f"{_REMEDY}, use {names}"))
    if params["fp_style"] == "amber/diff":
        remedy = 'goes with "model_devi_engine": "amber" only (it labels what Amber explored)'
        yield NotRunnable.of(params.wrong("fp_style", f"{remedy}; use another"))
    yield from _features(params, _TOP)
    try:
        refuse_without_template(params)
    except InputError as error:
        yield NotRunnable.of(error)


def _features(section: Section, features: dict[str, tuple]) -> Iterator[NotRunnable]:
    for key, off in features.items():
        if key in section and section[key] not in off:
            instead = f"use {show(off[0])}" if isinstance(off[0], str) else "remove it"
            yield NotRunnable.of(section.wrong(key, f"{_REMEDY}, {instead}"))
