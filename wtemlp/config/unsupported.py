"""DP-GEN's features that this version does not have: refused with a line, not ignored."""

from collections.abc import Iterator

from wtemlp.config.section import Section
from wtemlp.config.template import refuse_without_template
from wtemlp.errors import InputError, NotRunnable

_OFF = (None, False, 0)
_CLUSTERS = "atoms would be chosen, not frames"
#: Keys of features that there are not, and why.
_TOP = {
    "use_ele_temp": "labels have no electron temperature",
    "use_clusters": _CLUSTERS,
    "cluster_cutoff": _CLUSTERS,
    "cluster_cutoff_hard": _CLUSTERS,
    "cluster_minify": _CLUSTERS,
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
    for key, why in _TOP.items():
        if params.get(key) not in _OFF:
            yield NotRunnable.of(params.wrong(key, f"{_REMEDY} ({why}), remove it"))
    try:
        refuse_without_template(params)
    except InputError as error:
        yield NotRunnable.of(error)
