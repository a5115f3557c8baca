"""DP-GEN's features that this version does not have: refused with a line, not ignored."""

from collections.abc import Iterator

from wtemlp.config.section import Section, show
from wtemlp.config.template import refuse_without_template
from wtemlp.errors import InputError, NotRunnable

_OFF = (None, False, 0, [], {}, "")

#: keys whose default, and these values, mean that the feature is off
_TOP = {
    "use_ele_temp": _OFF,
    "use_clusters": _OFF,
    "cluster_cutoff": (None,),  # these three: of use_clusters
    "cluster_cutoff_hard": (None,),
    "cluster_minify": _OFF,
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
