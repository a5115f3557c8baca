"""Keys that DP-GEN accepts and does not look at: accepted as well, and told."""

from collections.abc import Iterator

from wtemlp.config.criteria import CANDIDATES
from wtemlp.config.schema.dpgen_schema import LAMMPS, engine_of
from wtemlp.config.schema.section import Section, key_path, show

_OFF: tuple[object, ...] = (None, False, [], {})
#: What a template says itself, of its entry's keys.
_BESIDE_TEMPLATE = (
    "temps",
    "press",
    "nsteps",
    "ensemble",
    "taut",
    "taup",
    "dt",
    "neidelay",
    "nbeads",
    "pka_e",
)
_OF_TEMPLATE = ("rev_mat", "sys_rev_mat")
#: Keys of the file that do nothing without another.
_WITHOUT = {
    "model_devi_adapt_trust_lo": tuple(CANDIDATES),
    "use_relative": ("epsilon",),
    "use_relative_v": ("epsilon_v",),
    "model_devi_plumed": ("model_devi_plumed_path",),
    "training_reuse_iter": (
        "training_reuse_numb_steps",
        "training_reuse_start_lr",
        "training_reuse_start_pref_e",
        "training_reuse_start_pref_f",
    ),
}
_FILES_ANEW = ("pretty_print", "pretty_format")


def ignored(params: Section) -> Iterator[str]:
    """A line for each key that has no effect.

    Parameters
    ----------
    params : Section
        The file, checked against its schema.
    """
    for switch, keys in _WITHOUT.items():
        if params.get(switch) in _OFF:
            yield from _lines(params, keys, f"has no effect without {switch}")
    yield from _lines(params, _FILES_ANEW[:1], "has no effect: no file is written anew")
    if engine_of(params) != LAMMPS:
        return
    jobs = params.sections("model_devi_jobs")
    if not any("template" in job for job in jobs):
        yield from _lines(params, ("model_devi_plumed",), "has no effect without a template")
    for job in jobs:
        if "template" in job:
            yield from _lines(job, _BESIDE_TEMPLATE, "has no effect beside a template")
            yield from _without_plumed(params, job)
            continue
        yield from _lines(job, _OF_TEMPLATE, "has no effect without a template")
        if job.get("ensemble") in ("nvt", "nve") and len(job.get("press") or ()) > 1:
            yield from _lines(job, ("press",), "has no effect at constant volume")


def _without_plumed(params: Section, job: Section) -> Iterator[str]:
    """What is of a PLUMED input, where there is none."""
    if params.get("model_devi_plumed"):
        return
    why = "has no effect without model_devi_plumed"
    yield from _lines(job.section("template"), ("plm", "plm_path"), why)
    if job.get("rev_mat"):
        yield from _lines(job.section("rev_mat"), ("plm",), why)


def _lines(section: Section, keys: tuple[str, ...], why: str) -> Iterator[str]:
    for key in keys:
        if section.get(key) not in _OFF:
            where = key_path((*section.path, key))
            yield f"{section.file}: {where} = {show(section[key])} {why}"
