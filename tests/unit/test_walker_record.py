"""``job.json`` of a walker: written and read in one place."""

import json

import pytest

from wtemlp.config.keys.wte import Extra, ExtraVariable
from wtemlp.core.errors import CalculationError
from wtemlp.md.walker_record import WalkerRecord, read_record, write_record


def test_it_comes_back_as_it_was(tmp_path):
    own = Extra("t: TORSION ATOMS=1,2,3,4\n", (ExtraVariable("t", 0.3, "-pi", "pi"),), False)
    full = WalkerRecord(
        300.0,
        1,
        2,
        "npt",
        1.0,
        0.0005,
        "a.POSCAR",
        {"iteration": 0},
        "opes",
        None,
        (4.0, 16.0),
        8.0,
        (250.0, 400.0),
        True,
        ("t",),
        800,
        400,
        own,
        "iter.000000/HILLS",
        5,
        6,
    )
    for record in (full, WalkerRecord(310.0)):
        write_record(tmp_path, record)
        assert read_record(tmp_path) == record
    content = json.loads((tmp_path / "job.json").read_text())
    assert content["temps"] == 310.0 and not content.keys() & {"press", "own", "hills_from"}
    assert full.own is not None and not full.biases_energy


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"temps": 300}', '{"system": 0, "temps": "x"}'])
def test_a_damaged_one_is_one_line(tmp_path, text):
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(CalculationError, match=r"job\.json is damaged"):
        read_record(tmp_path)


def test_what_older_and_newer_versions_write_is_no_obstacle(tmp_path):
    (tmp_path / "job.json").write_text('{"system": 1, "temps": 300, "later": 5}')
    assert read_record(tmp_path) == WalkerRecord(300.0, 1)
