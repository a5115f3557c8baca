"""Which references a run is to cite: those of what it used, and no others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wtemlp.records.validation_record import Validation
from wtemlp.report.references import REFERENCES, Citation

_METHODS = {"wte": ("Bonomi2010WTE", "Barducci2008WTMetaD"), "opes": ("Invernizzi2020OPES",)}
_LABELS = {
    "vasp": ("Kresse1996VASP", "Kresse1999PAW"),
    "cp2k": ("Kuehne2020CP2K",),
    "pwscf": ("Giannozzi2009QE", "Giannozzi2017QE"),
    "cpx": ("Giannozzi2009QE", "Giannozzi2017QE"),
    "abacus": ("Li2016ABACUS",),
    "siesta": ("Soler2002SIESTA",),
    "pwmat": ("Jia2013PWmat",),
    "ase": ("Larsen2017ASE",),
}
#: By words in the import path of an ASE calculator.
_CALCULATORS = {
    "xtb": ("Bannwarth2021xtb", "Bannwarth2019GFN2"),
    "mace": ("Batatia2022MACE",),
    "espresso": ("Giannozzi2009QE", "Giannozzi2017QE"),
    "cp2k": ("Kuehne2020CP2K",),
    "vasp": ("Kresse1996VASP", "Kresse1999PAW"),
    "siesta": ("Soler2002SIESTA",),
}
_INIT = ("Martinez2009Packmol", "Jorgensen1983TIP3P", "Bussi2007CSVR", "Martyna1994")
_ALWAYS = ("Zhang2019DPGEN", "Zhang2020DPGEN", "Wang2018DeePMD", "Zeng2023DeePMD")


@dataclass(frozen=True)
class Used:
    """What a run used, as far as it decides on what to cite."""

    param: Mapping[str, Any]  #: the parameter file's object; empty: not known
    initial: bool = False  #: the initial data are those of ``wtemlp init``
    deepmd: str = ""  #: DeePMD-kit's version
    explored: bool = True  #: there are walkers
    training_data: bool = True  #: there are radial distributions of the training data
    validation: Validation | None = None


def citations(used: Used) -> list[Citation]:
    """The references of a run, each once, in the order of :data:`REFERENCES`."""
    keys = set(_ALWAYS)
    for some in (_models(used), _exploration(used), _labelling(used.param), _analysis(used)):
        keys |= set(some)
    keys |= set(_INIT if used.initial else ())
    return [one for key, one in REFERENCES.items() if key in keys]


def bibtex(cited: list[Citation]) -> str:
    """A ``.bib`` file."""
    return "\n\n".join(one.bibtex() for one in cited) + "\n"


def _models(used: Used) -> Iterator[str]:
    if not used.deepmd or used.deepmd.split(".")[0] == "3":
        yield "Zeng2025DeePMD"
    if used.param.get("dp_compress"):
        yield "Lu2022Compress"
    training = used.param.get("default_training_param")
    if {"se_e2_a", "se_a"} & set(_types(_at(training, "model", "descriptor"))):
        yield "Zhang2018DeepPotSE"


def _types(descriptor: object) -> Iterator[str]:
    """Kinds of a descriptor, and of those that a hybrid one has in its list."""
    if isinstance(descriptor, Mapping):
        yield str(descriptor.get("type", "se_e2_a"))
        for one in descriptor.get("list") or ():
            yield from _types(one)


def _at(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _exploration(used: Used) -> Iterator[str]:
    jobs = [job for job in used.param.get("model_devi_jobs") or () if isinstance(job, Mapping)]
    if used.param.get("model_devi_engine", "lammps") not in ("wte", "lammps") or not jobs:
        return
    yield "Thompson2022LAMMPS"
    for job in jobs:
        wte, template = job.get("wte"), job.get("template")
        if isinstance(wte, Mapping):
            factors = wte.get("biasfactor", ())
            if factors not in (1, [1]):
                yield from _METHODS.get(str(wte.get("method", "wte")), ())
                yield from ("Tribello2014PLUMED", "PLUMED2019")
            yield from ("Bussi2007CSVR", *["Martyna1994"] * _moves(job))
        elif isinstance(template, Mapping):  # thermostat and bias are the user's own
            yield from ["Tribello2014PLUMED", "PLUMED2019"] * ("plm" in template)
        elif _moves(job):
            yield "Martyna1994"


def _moves(job: Mapping[str, Any]) -> bool:
    return str(job.get("ensemble", "")).startswith("npt")


def _labelling(param: Mapping[str, Any]) -> Iterator[str]:
    style, details = str(param.get("fp_style", "")), param.get("fp_params")
    yield from _LABELS.get(style, ())
    if style == "lammps":
        yield "Thompson2022LAMMPS"
        if "tip3p" in str(_at(details, "force_field")):
            yield "Jorgensen1983TIP3P"
    if style == "ase":
        path = str(_at(details, "calculator")).lower()
        for word, keys in _CALCULATORS.items():
            yield from keys if word in path else ()


def _analysis(used: Used) -> Iterator[str]:
    yield from ["Zeng2025dpdata"] * bool(used.param)
    yield from ["Chodera2007"] * used.explored
    found = used.validation
    measured = found is not None and any(run.curves for run in found.md)
    yield from ("MichaudAgrawal2011", "Gowers2016") if used.training_data or measured else ()
    if found is not None:
        yield from ("Thompson2022LAMMPS", "Bussi2007CSVR")
        diffusion = [one for run in found.md for one in run.diffusion]
        yield from ["deBuyl2018tidynamics"] * bool(diffusion)
        yield from ["Yeh2004"] * any(one.d_corrected is not None for one in diffusion)
