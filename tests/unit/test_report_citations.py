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
        ("ase", {"calculator": "ase.calculators.emt.EMT"}, {"Larsen2017ASE", "Jacobsen1996EMT"}),
        ("ase", {"calculator": "gfn2"}, {"Larsen2017ASE", "Bannwarth2019GFN2"}),
        (
            "ase",
            {"calculator": "tblite.ase.TBLite", "kwargs": {"method": "GFN1-xTB"}},
            {"Larsen2017ASE", "Grimme2017GFN1"},
        ),
        ("lammps", {"force_field": "mw"}, {"Molinero2009mW", "Stillinger1985SW"}),
        ("lammps", {"force_field": "eam-copper"}, {"Daw1984EAM", "Foiles1986EAM"}),
        ("lammps", {"force_field": "spce"}, {"Berendsen1987SPCE", "Ryckaert1977SHAKE"}),
        (
            "lammps",
            {"force_field": {"lines": ["pair_style eam/alloy", "pair_coeff * * mw.eam Ni"]}},
            {"Daw1984EAM"},
        ),
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
        "Grimme2017GFN1",
        "Jacobsen1996EMT",
        "Berendsen1987SPCE",
        "Ryckaert1977SHAKE",
        "Molinero2009mW",
        "Stillinger1985SW",
        "Daw1984EAM",
        "Foiles1986EAM",
    }
    assert keys(param=WTE | {"fp_style": style, "fp_params": params}) & labels == wanted


def test_start_and_validation():
    water = {"n_molecules": 8, "biasfactors": [1.0]}
    assert {"Martinez2009Packmol", "Martyna1994", "Jorgensen1983TIP3P"} <= keys(initial=water)
    nvt = {"temperature_K": 300, "steps": 1000}
    crystal = {"fp_style": "lammps", "fp_params": {"force_field": "sw-silicon"}}
    crystal["systems"] = [{"structure": {"bulk": "Si"}, "runs": [nvt]}]
    plain = {"Martinez2009Packmol", "Martyna1994", "Jorgensen1983TIP3P", "Bonomi2010WTE"}
    labels = {"fp_style": "vasp", "fp_params": {}}
    known = keys(param=labels, initial=crystal)
    assert {"Stillinger1985SW", "Bussi2007CSVR"} <= known and not plain & known
    crystal["systems"][0]["structure"] = {"mixture": [{"molecule": "H2O", "count": 2}]}
    crystal["systems"][0]["runs"] += [nvt | {"ensemble": "npt", "wte": {"biasfactor": 4}}]
    crystal["sampler"] = {"fp_style": "ase", "fp_params": {"calculator": "gfn1"}}
    known = keys(param=labels, initial=crystal)
    assert {"Grimme2017GFN1", "PLUMED2019", *plain} - {"Jorgensen1983TIP3P"} <= known
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
