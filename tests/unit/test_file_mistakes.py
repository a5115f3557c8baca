"""Texts that are no JSON or YAML, files of another kind, keys of another program: what is said."""

import copy
import json
import re

import pytest

from tests.support.loop_runs import PARAM, machine
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.schema.read_files import Kind, read_object
from wtemlp.core.errors import InputError
from wtemlp.preflight.checks import check_everything
from wtemlp.preflight.findings import Findings

GOOD = """{
 "type_map": ["O", "H"],
 "seed": 1,
 "more": {"a": true, "b": null},
 "text": "x y"
}
"""
#: What is broken in the good text, the line that is told and the guess.
BROKEN = {
    "trailing comma in a list": ('"H"]', '"H",]', 2, "the comma before th.*remove it"),
    "trailing comma in an object": ('"x y"', '"x y",', 6, r"comma before this bracket \(line 5\)"),
    "two commas": ('"O", ', '"O",, ', 2, "a comma is one too many"),
    "first comma": ('["O"', '[,"O"', 2, "a comma is one too many"),
    "no comma between lines": ("1,", "1", 4, "a comma is missing at the end of line 3"),
    "no comma in a list": ('"O", ', '"O" ', 2, "a comma is missing"),
    "no comma after a bracket": ("},", "}", 5, "a comma is missing at the end of line 4"),
    "no quote behind a key": ('"seed"', '"seed', 3, "quote is missing|double quotes"),
    "no quote before a key": ('"seed"', 'seed"', 3, 'a quote is missing: a key .* "seed"'),
    "no quotes": ('"seed"', "seed", 3, 'a key must be in double quotes, as "seed"'),
    "no quote behind a text": ('"x y"', '"x y', 5, "a quote is missing in line 5"),
    "no quote before a text": ('"x y"', 'x y"', 5, 'a text must be in double quotes, as "x"'),
    "single quotes of a key": ('"seed"', "'seed'", 3, "write double quotes"),
    "single quotes of a text": ('"x y"', "'x y'", 5, "write double quotes"),
    "curly quotes": ('"x y"', "\u201cx y\u201d", 5, "write straight double quotes"),
    "a comment": ('"seed"', '// why\n "seed"', 3, r"JSON has no comments \(//\)"),
    "a comment at the end": ("1,", "1, # why", 3, r"JSON has no comments \(#\)"),
    "a long comment": ("1,", "1, /* why */", 3, "JSON has no comments"),
    "True": ("true", "True", 4, "write true"),
    "None": ("null", "None", 4, "write null"),
    "False": ("true", "False", 4, "write false"),
    "NaN": ("1,", "NaN,", 3, r"write a finite number \(line 3\)"),
    "nan": ("1,", "nan,", 3, "write a finite number"),
    "Infinity": ("1,", "-Infinity,", 3, r"write a finite number \(line 3\)"),
    "too large": ("1,", "1e999,", 3, r"write a finite number \(line 3\)"),
    "a plus": ("1,", "+1,", 3, "write the number"),
    "a dot": ("1,", ".5,", 3, "write the number"),
    "a zero in front": ("1,", "01,", 3, "write the number 01 as JSON has it"),
    "a number in groups": ("1,", "1_000,", 3, "write the number 1_000 as JSON has it"),
    "a dot at the end": ("1,", "1.,", 3, "write the number 1. as JSON has it.*both sides of a dot"),
    "a tab in a text": ("x y", "x\ty", 5, r'write a tab in a text as "\\t"'),
    "half of a character": ("x y", r"\ud800", None, "text has half of a character"),
    "yaml": ("{\n", "type_map:\n", 1, r"JSON begins with \{.*YAML .yaml"),
    "arithmetic": ("1,", "4/2,", 3, "write the number 4/2 as JSON has it"),
    "dots": ('"seed"', '...\n "seed"', 3, "write what the three dots stand for"),
    "a conflict": ('"seed"', '<<<<<<< HEAD\n "seed"', 3, "a conflict of two versions"),
    "no closing bracket": ('"H"]', '"H"', 3, "is not closed|braces around|a quote"),
    "no closing brace": ("null}", "null", 7, "the bracket { of line 1 is never closed: add }"),
    "another bracket": ("null}", "null]", 4, "the bracket { of line 4 is not closed: write }"),
    "a bracket too many": ('"x y"\n}', '"x y"\n}}', 6, "the bracket } is one too many"),
    "no colon": ('"seed":', '"seed"', 3, "a colon is missing"),
    "equals": ('"seed":', '"seed"=', 3, "write a colon"),
    "no value": ("1,", ",", 3, "a value is missing after the colon"),
    "a backslash": ("x y", r"x\y", 5, "a backslash in a text must be written twice"),
    "byte order mark": ("{\n", "\ufeff{\n", 1, "save the file without a byte order mark"),
    "empty": (GOOD, " \n", None, "the file is empty"),
    "two objects": ("}\n", "}\n{}\n", None, "there must be one object"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_json_mistakes_are_told_with_line_and_guess(tmp_path, name):
    old, new, line, words = BROKEN[name]
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    (tmp_path / "p.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_object(tmp_path / "p.json", Kind.RUN)
    said = str(caught.value)
    assert said.startswith("p.json: ") and "\n" not in said
    assert re.search(words, said), said
    assert line is None or f"line {line}" in said, said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1, 2\nb: 3\n", "line 1 is not closed"),
        ('a: "x\nb: 3\n', "the text that begins in line 1 has no end"),
        ("a:\n\t- 1\n", "indent by spaces"),
        ("a: b: c\n", "a key stands in a line of its own"),
        ("a: 1\nb\nc: 2\n", "a colon, and a space behind it, is missing"),
        ("a: 1\na: 2\n", "duplicate key"),
        ("1: 2\n", "[1]: the key is not a text"),
        ("a:\n - *.POSCAR\n", "a text that begins with a sign like * or % must be in quotes"),
        ("a: %x\n", "a text that begins with a sign like * or % must be in quotes"),
        (r'a: "C:\xyz"', "a backslash in double quotes must be written twice"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: but found another document; there must be one"),
    ],
)
def test_yaml_mistakes_are_told_with_line_and_guess(tmp_path, text, words):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_object(tmp_path / "p.yaml", Kind.RUN)
    said = str(caught.value)
    assert words in said and "\n" not in said
    assert "line " in said or "the key" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {b: 2001-01-01}\n", 'a.b = "2001-01-01"; write a text in quotes'),
        ("a: !!set {b}\n", "write a text in quotes"),
        ("a: !!binary aGVsbG8=\n", "write a text in quotes"),
        ("a: &x\n - *x\n", "nested too deeply, or within itself"),
    ],
)
def test_what_yaml_has_and_json_has_not_is_refused(tmp_path, text, words):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(InputError, match=re.escape(words)):
        read_object(tmp_path / "p.yaml", Kind.RUN)


def test_an_alias_is_a_copy(tmp_path):
    """What a command prepares went into the jobs of all stages that shared its resources."""
    (tmp_path / "machine.yaml").write_text(
        """
train:
  command: module load cuda; dp
  machine: &here {batch_type: Shell, context_type: LazyLocalContext}
  resources: &one {number_node: 1, cpu_per_node: 1, group_size: 1, queue_name: ""}
model_devi: {command: export A=1; lmp, machine: *here, resources: *one}
fp: {command: vasp, machine: *here, resources: {<<: *one, group_size: 2}}
"""
    )
    machines = load_machines(tmp_path / "machine.yaml", tmp_path)
    stages = (machines.train, machines.model_devi, machines.fp)
    prepared = [stage.resources.get("prepend_script", []) for stage in stages]
    assert prepared == [["module load cuda"], ["export A=1"], []]
    assert [stage.resources["group_size"] for stage in stages] == [1, 1, 2]


PARAMETERS, MACHINE, INIT = {"type_map": [], "model_devi_jobs": []}, {"fp": {}}, {"n_molecules": 3}


@pytest.mark.parametrize(
    ("data", "wanted", "words"),
    [
        (PARAMETERS, Kind.MACHINE, "is a parameter file of wtemlp run; give a machine file here"),
        (PARAMETERS, Kind.INIT, "is a parameter file of wtemlp run"),
        (MACHINE, Kind.RUN, "is a machine file; give a parameter file of wtemlp run here"),
        (INIT, Kind.RUN, "is a parameter file of wtemlp init; give"),
        ({"train_machine": {}}, Kind.RUN, "is a machine file"),
        ({"dflow_config": {}, "inputs": {}, "train": {}}, Kind.RUN, "is an input file of dpgen2 ("),
        ({"dflow_config": {}, "inputs": {}, "train": {}}, Kind.MACHINE, "an input file of dpgen2"),
        ({"super_cell": [], "relax_incar": ""}, Kind.RUN, "dpgen init_bulk or init_surf"),
        ({"structures": [], "relaxation": {}}, Kind.RUN, "dpgen autotest"),
        ({"model": {}, "training": {}}, Kind.RUN, "is a training input of DeePMD-kit"),
    ],
)
def test_a_file_of_another_kind_is_told(tmp_path, data, wanted, words):
    (tmp_path / "p.json").write_text(json.dumps(data))
    with pytest.raises(InputError) as caught:
        read_object(tmp_path / "p.json", wanted)
    assert words in str(caught.value)


# -- keys


def errors(folder, param, machines=None) -> list[str]:
    (folder / "param.json").write_text(json.dumps(param))
    file = None
    if machines is not None:
        file = folder / "machine.json"
        file.write_text(json.dumps(machines))
    findings = Findings(lambda finding: None)
    check_everything(folder / "param.json", file, folder, findings, schema_only=True)
    return [one.line for one in findings.all if one.line.startswith("error")]


def test_all_wrong_keys_are_told_at_once(tmp_path):
    param = copy.deepcopy(PARAM) | {"fp_max_tasks": 4, "numb_model": 2, "type_map": "O"}
    param["model_devi_jobs"][0]["wte"] |= {"bias_factor": 3, "guard": {"devi": 1}, "pace": "x"}
    del param["fp_task_min"], param["init_data_sys"]
    lines = errors(tmp_path, param)
    for words in (
        'fp_max_tasks = 4; unknown key, did you mean "fp_task_max"',
        "numb_model = 2; ",
        'type_map = "O"; must be',
        "[0].wte.bias_factor",
        "[0].wte.guard.devi",
        '[0].wte.pace = "x"; must be',
        "fp_task_min is missing",
        "init_data_sys is missing",
    ):
        assert len([line for line in lines if words in line]) == 1, (words, lines)
    assert len(lines) == 8


def test_all_values_that_do_not_go_together_are_told_at_once(tmp_path):
    param = copy.deepcopy(PARAM) | {"numb_models": 1, "fp_task_min": 9, "fp_task_max": 2}
    param["type_map"], param["model_devi_f_trust_lo"] = ["O", "O"], 99
    param["model_devi_jobs"][1]["sys_idx"] = [7]
    param["model_devi_jobs"][0]["temps"] = [-5]
    param["default_training_param"]["training"]["numb_steps"] = -5
    lines = errors(tmp_path, param)
    for words in (
        'type_map[1] = "O"; is given twice',
        "numb_models = 1; must be 2 or more",
        "fp_task_min = 9; must not be above fp_task_max (2)",
        "model_devi_f_trust_lo = 99; must be below",
        "model_devi_jobs[0].temps[0] = -5; must be",
        "model_devi_jobs[1].sys_idx[0] = 7; must be",
        "default_training_param.training.numb_steps = -5; must be",
    ):
        assert len([line for line in lines if words in line]) == 1, (words, lines)


def test_all_wrong_keys_of_a_machine_file_are_told_at_once(tmp_path):
    sections = {name: machine("sh") for name in ("train", "model_devi", "fp")}
    content = copy.deepcopy({"api_version": "1.0", "deepmd_version": "3.2.0", **sections})
    content["train"]["comand"] = "dp"
    content["model_devi"]["machine"]["batch_type"] = "Slrm"
    content["model_devi"]["resources"]["gpus_per_node"] = 1
    content["fp"]["resources"]["number_nodes"] = 1
    lines = errors(tmp_path, PARAM, content)
    assert len(lines) == 4
    for words in (
        'comand = "dp"; unknown key, did you mean "command"?',
        'model_devi.machine.batch_type = "Slrm"; must be one of',
        "model_devi.resources.gpus_per_node = 1; unknown key",
        "fp.resources.number_nodes = 1; unknown key, did you mean",
    ):
        assert len([line for line in lines if words in line]) == 1, (words, lines)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        # misplaced
        ({"pace": 5}, "pace = 5; unknown key, it is a key of model_devi_jobs.wte"),
        ({"nvt_step": 5}, 'unknown key, did you mean "nvt_steps"? it is a key of'),
        ({"rcut": 4.0}, "it is a key of default_training_param.model.descriptor"),
        ({"queue_name": "gpu"}, "it is a key of the machine file"),
        # of another version or program
        ({"model_devi_e_trust_lo": 1e10}, "it has no effect: remove it"),
        ({"model_devi_e_trust_hi": 1e10}, "it has no effect: remove it"),
        ({"dflow_config": {}}, "dpgen2 has it, and DP-GEN does not: remove it"),
        ({"model_devi_engine": "dimer"}, "of another version of DP-GEN, or of a fork"),
        ({"model_devi_engine": "gpumd"}, "of another version of DP-GEN, or of a fork"),
        # unknown
        ({"frobnicate": 5}, "frobnicate = 5; unknown key, remove it"),
    ],
)
def test_kinds_of_keys_are_told_apart(tmp_path, changes, words):
    lines = errors(tmp_path, PARAM | changes)
    assert words in lines[0] and "v_trust" not in lines[0] and 'amber"?' not in lines[0]
