"""Settings of labels that differ by system: each system's inputs are those of a file of its own."""

import json
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from tests.support.label_inputs import STYLES, content, explore, loaded, waters, write_input
from wtemlp.analysis.frames import FrameTable
from wtemlp.config.by_system import KEY
from wtemlp.config.params import examine_params
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.records.pins import differences, reference_pins
from wtemlp.stages import label, label_frames
from wtemlp.stages.context import RunContext

OTHERS = {
    "vasp": {"fp_incar": "INCAR.spin"},
    "pwscf": {"fp_params": {"ecut": 40}},
    "abacus": {"user_fp_params": {"ecutwfc": 60}, "k_points": [2, 2, 2, 0, 0, 0]},
    "siesta": {"fp_params": {"ecut": 400}},
    "gaussian": {"fp_params": {"multiplicity": 3}},
    "cp2k": {"fp_params": {"FORCE_EVAL": {"DFT": {"CHARGE": 1}}}},
    "pwmat": {"fp_incar": "etot.spin"},
    "cpx": {"fp_params": {"template_fn": "cp.other"}},
}


def merged(whole, part):
    inner = {k: merged(whole[k], v) for k, v in part.items() if isinstance(v, dict) and k in whole}
    return whole | part | inner


def prepared(root: Path, style: str, keys: dict) -> RunContext:
    """An iteration with frames of two systems, ready to be labelled."""
    write_input(root, style, keys)
    (root / "INCAR.spin").write_text("ENCUT = 400\nKSPACING = 0.5\nKGAMMA = T\nMAGMOM = 24*1\n")
    (root / "etot.spin").write_text("8 1\nin.atom=atom.config\nmp_n123=1 1 1 0 0 0\nspin = 2\n")
    (root / "cp.other").write_text((root / "cp.template").read_text() + "! other\n")
    file = root / "param.json"
    param = json.loads(file.read_text())
    param["sys_configs"] = 2 * param["sys_configs"]
    param["model_devi_jobs"] = [job | {"sys_idx": [0, 1]} for job in param["model_devi_jobs"]]
    file.write_text(json.dumps(param))
    types, frames, cell = waters()
    if style == "gaussian":
        frames, cell = frames + 6.4, 3 * cell
    tables = [explore(root, types, frames, cell, system) for system in (0, 1)]
    columns = {
        field.name: np.concatenate([getattr(table, field.name) for table in tables])
        for field in fields(FrameTable)
        if getattr(tables[0], field.name) is not None
    }
    context = RunContext(*loaded(root), RunPaths(root))
    label.prepare(context, 0, FrameTable(**columns))
    return context


def folders(context, system):
    return [
        folder
        for folder in label_frames.frame_folders(context.paths, 0)
        if label_frames.system_of(folder) == system
    ]


@pytest.mark.parametrize("style", sorted(OTHERS))
def test_the_inputs_of_a_system_are_those_of_a_file_with_its_settings(tmp_path, style):
    other = OTHERS[style]
    both = prepared(tmp_path / "both", style, STYLES[style] | {KEY: {"1": other}})
    alone = [
        prepared(tmp_path / "0", style, STYLES[style]),
        prepared(tmp_path / "1", style, merged(STYLES[style], other)),
    ]
    jobs = {task.folder.name: task for task, _ in label.jobs(both, 0)}
    for system in (0, 1):
        expected = {task.folder.name: task for task, _ in label.jobs(alone[system], 0)}
        for mine, its in zip(folders(both, system), folders(alone[system], system), strict=True):
            assert content(mine) == content(its)
            assert not [file for file in mine.rglob("*") if not file.exists()]  # no broken link
            one, other_task = jobs[mine.name], expected[its.name]
            assert (one.command, one.forward) == (other_task.command, other_task.forward)
    assert content(folders(both, 0)[0]) != content(folders(both, 1)[0])


def test_a_calculator_has_the_charge_of_its_system(tmp_path):
    keys = {
        "fp_params": {"calculator": "emt", "kwargs": {"a": 1}},
        KEY: {"1": {"fp_params": {"charge": -1, "kwargs": {"b": 2}}}},
    }
    context = prepared(tmp_path, "ase", keys)
    charges = {
        task.folder.name: json.loads((task.folder / "calculator.json").read_text()).get("charge")
        for task, _ in label.jobs(context, 0)
    }
    assert charges == {"batch.000.000": None, "batch.001.000": -1}
    assert context.params.labels_of(1).reference.arguments == {"a": 1, "b": 2}


def test_it_is_a_part_of_the_reference(tmp_path):
    context = prepared(tmp_path, "vasp", STYLES["vasp"] | {KEY: {"1": OTHERS["vasp"]}})
    before = reference_pins(context.params, context.machines, tmp_path)
    (tmp_path / "INCAR.spin").write_text("ENCUT = 400\nKSPACING = 0.5\nKGAMMA = T\nISPIN = 2\n")
    after = reference_pins(context.params, context.machines, tmp_path)
    assert list(differences(before, after)) == [f"{KEY}.1.fp_incar"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"2": {}}, f'{KEY}.2: "2" is no system; must be an index in sys_configs, 0 to 1'),
        ({"x": {}}, '"x" is no system'),
        ({"1": {"fp_style": "cp2k"}}, "must be an object with some of fp_incar, fp_params"),
        ({"1": {"fp_params": {"ecut": "high"}}}, f"(with {KEY}.1)"),
    ],
)
def test_what_is_wrong_is_said_of_the_system(tmp_path, given, words):
    write_input(tmp_path, "pwscf")
    file = tmp_path / "param.json"
    param = json.loads(file.read_text()) | {KEY: given}
    file.write_text(json.dumps(param | {"sys_configs": 2 * param["sys_configs"]}))
    with pytest.raises(InputError) as caught:
        examine_params(file, tmp_path)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_told_of_the_system(tmp_path):
    write_input(tmp_path, "vasp", STYLES["vasp"] | {KEY: {"0": {"fp_incar": "INCAR.gone"}}})
    (problem,) = examine_params(tmp_path / "param.json", tmp_path).label_file_problems()
    assert "INCAR.gone" in str(problem) and f"(with {KEY}.0)" in str(problem)
    shutil.copy(tmp_path / "INCAR", tmp_path / "INCAR.gone")
    assert not examine_params(tmp_path / "param.json", tmp_path).label_file_problems()
