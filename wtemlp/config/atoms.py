"""LAMMPS runs of DP-GEN in which atoms are labelled, or that have an electron temperature.

``use_clusters`` labels clusters around the atoms that the models disagree on, and
``use_ele_temp`` hands every label's electron temperature to the models.  What is chosen and what a
label is then differ from wtemlp's own frames, so DP-GEN does both.
"""

from collections.abc import Iterator

from wtemlp.config.section import Section
from wtemlp.errors import NotRunnable

CLUSTERS, CUTOFF, ELECTRONS = "use_clusters", "cluster_cutoff", "use_ele_temp"
_STYLE = "vasp"  #: the one whose inputs DP-GEN writes an electron temperature into
_OF_FRAMES = "wtemlp chooses frames, and DP-GEN does it here"
#: Keys that do not go with each, and why.
_NOT_WITH = {
    CLUSTERS: {
        "model_devi_merge_traj": "DP-GEN cuts clusters from files of single frames",
        "model_devi_adapt_trust_lo": "DP-GEN adapts the level by frames, not by atoms",
        "selection": _OF_FRAMES,
    },
    ELECTRONS: {
        "model_devi_merge_traj": "DP-GEN links files of single frames", "selection": _OF_FRAMES,
    },
}  # fmt: skip


def by_atoms(params: Section) -> bool:
    """Whether clusters around atoms are labelled."""
    return bool(params.get(CLUSTERS)) or params.get(CUTOFF) is not None


def with_electrons(params: Section) -> bool:
    """Whether there is an electron temperature."""
    return bool(params.get(ELECTRONS))


def problems(params: Section) -> Iterator[NotRunnable]:
    """Why such a file cannot be run."""
    if by_atoms(params):
        if params.get(CUTOFF) is None:
            yield NotRunnable.of(params.missing(CUTOFF, f"add it (Angstrom): {CLUSTERS} needs it"))
        if not params.get(CLUSTERS):
            remedy = f'needs "{CLUSTERS}": true: else the models give no deviation of each atom'
            yield NotRunnable.of(params.wrong(CUTOFF, remedy))
        yield from _others(params, CLUSTERS)
    if with_electrons(params):
        if params[ELECTRONS] not in (1, 2):
            remedy = "must be 0, 1 (of the frame) or 2 (of each atom)"
            yield NotRunnable.of(params.wrong(ELECTRONS, remedy))
        if params["fp_style"] != _STYLE:
            remedy = f'must be "{_STYLE}" with {ELECTRONS}: DP-GEN writes no other input with it'
            yield NotRunnable.of(params.wrong("fp_style", remedy))
        yield from _others(params, ELECTRONS)


def _others(params: Section, kind: str) -> Iterator[NotRunnable]:
    if params.get("model_devi_engine", "lammps") != "lammps":
        remedy = 'only with "model_devi_engine": "lammps", whose frames DP-GEN chooses from'
        yield NotRunnable.of(params.wrong(kind, remedy))
    for other, why in _NOT_WITH[kind].items():
        if params.get(other):
            yield NotRunnable.of(params.wrong(other, f"not with {kind} ({why}): remove it"))
