"""What a run is to cite: what it used, and no more; as BibTeX that any program reads."""

import re
from dataclasses import replace

import pytest

from tests.support.synthetic_validation import validation
from wtemlp.report.citations import Used, bibtex, citations
from wtemlp.report.references import REFERENCES

WTE = {
    "model_devi_engine": "wte",
    "fp_style": "lammps",
    "dp_compress": True,
    "fp_params": {"force_field": "tip3p-flexible"},
    "default_training_param": {"model": {"descriptor": {"type": "se_e2_a"}}},
    "model_devi_jobs": [{"ensemble": "nvt", "wte": {"biasfactor": [16]}}],
}


def keys(**changes) -> set[str]:
    used = Used(changes.pop("param", WTE), **changes)
    return {one.key for one in citations(used)}


def job(**changes) -> dict:
    return WTE | {"model_devi_jobs": [{"ensemble": "nvt", **changes}]}


def test_what_every_run_stands_on():
    assert keys(param={}, explored=False, training_data=False) == {
        "Zhang2019DPGEN",
        "Zhang2020DPGEN",
        "Wang2018DeePMD",
        "Zeng2023DeePMD",
        "Zeng2025DeePMD",
    }
    assert "Zeng2025DeePMD" not in keys(deepmd="2.2.9")


def test_methods_of_exploration():
    tempered = keys()
    assert {
        "Bonomi2010WTE",
        "Barducci2008WTMetaD",
        "Bussi2007CSVR",
        "PLUMED2019",
        "Thompson2022LAMMPS",
        "Lu2022Compress",
        "Zhang2018DeepPotSE",
    } <= tempered
    assert not {"Invernizzi2020OPES", "Martyna1994", "Martinez2009Packmol"} & tempered
    opes = {"method": "opes", "biasfactor": {"window_K": [1, 2]}}
    flat = keys(param=job(ensemble="npt", wte=opes))
    assert {"Invernizzi2020OPES", "Martyna1994"} <= flat and "Bonomi2010WTE" not in flat
    assert not {"Bonomi2010WTE", "PLUMED2019"} & keys(param=job(wte={"biasfactor": 1}))
    assert "PLUMED2019" in keys(param=job(template={"lmp": "a", "plm": "b"}))
    plain = keys(param=job() | {"model_devi_engine": "lammps"})
    assert "Thompson2022LAMMPS" in plain and "PLUMED2019" not in plain


@pytest.mark.parametrize(
    ("style", "params", "wanted"),
    [
        ("vasp", {}, {"Kresse1996VASP", "Kresse1999PAW"}),
        ("cp2k", {}, {"Kuehne2020CP2K"}),
        ("pwscf", {}, {"Giannozzi2009QE", "Giannozzi2017QE"}),
        (
            "ase",
            {"calculator": "xtb.ase.calculator.XTB"},
            {"Larsen2017ASE", "Bannwarth2021xtb", "Bannwarth2019GFN2"},
        ),
        ("ase", {"calculator": "ase.calculators.emt.EMT"}, {"Larsen2017ASE"}),
        ("lammps", {"force_field": "tip3p-flexible"}, {"Jorgensen1983TIP3P"}),
    ],
)
def test_labels(style, params, wanted):
    labels = {
        "Kresse1996VASP",
        "Kresse1999PAW",
        "Kuehne2020CP2K",
        "Giannozzi2009QE",
        "Giannozzi2017QE",
        "Larsen2017ASE",
        "Bannwarth2021xtb",
        "Bannwarth2019GFN2",
        "Batatia2022MACE",
        "Jorgensen1983TIP3P",
        "Soler2002SIESTA",
    }
    assert keys(param=WTE | {"fp_style": style, "fp_params": params}) & labels == wanted


def test_start_and_validation():
    assert {"Martinez2009Packmol", "Martyna1994"} <= keys(initial=True)
    assert {"Yeh2004", "deBuyl2018tidynamics"} <= keys(validation=validation())
    bare = replace(validation(), md=())
    assert not {"Yeh2004", "deBuyl2018tidynamics"} & keys(validation=bare)


@pytest.mark.parametrize(
    "damaged",
    [
        {"default_training_param": "x"},
        {"model_devi_jobs": [3, {"wte": 1}]},
        {"fp_params": [1]},
        {"model_devi_jobs": None, "fp_style": None},
    ],
)
def test_files_that_wtemlp_would_refuse_now(damaged):
    assert keys(param=WTE | damaged)


def test_bibtex():
    """ASCII, balanced, a key and an author each, no field empty: what biber and bibtex want."""
    text = bibtex(list(REFERENCES.values()))
    assert text.isascii() and text.count("{") == text.count("}")
    entries = text.strip().split("\n\n")
    assert len(entries) == len(REFERENCES) > 30
    seen = set()
    for entry in entries:
        first, *lines, last = entry.splitlines()
        key = re.fullmatch(r"@article\{(\w+),", first)[1]
        assert last == "}" and key not in seen
        seen.add(key)
        fields = dict(re.fullmatch(r"  (\w+) = \{(.+)\},", line).groups() for line in lines)
        assert {"author", "title", "journal", "year", "doi"} <= set(fields)
        assert re.fullmatch(r"10\.\d{4,}/\S+", fields["doi"])
        assert not re.search(r"(?<!\\)[%&#_]", fields["title"] + fields["author"])
        assert all(
            "," in name or name in ("others", "{The PLUMED consortium}")
            for name in fields["author"].split(" and ")
        )
    assert r"Mart{\'\i}nez, L." in text
