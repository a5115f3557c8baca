"""Valid files broken at random: ``wtemlp check --schema-only`` tells it in lines, or takes them."""

import copy
import json
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.support import dpgen_files
from tests.support.broken_files import FEW
from tests.support.loop_runs import PARAM, machine
from wtemlp import cli
from wtemlp.config.init_params import load_init_params
from wtemlp.core.errors import InputError
from wtemlp.preflight.findings import Findings
from wtemlp.preflight.inputs import check_machine_file

MACHINES = {
    "api_version": "1.0",
    "deepmd_version": "3.2.0",
    **{name: machine("sh") for name in ("train", "model_devi", "fp")},
}
INIT = {
    "type_map": ["O", "H"],
    "n_molecules": 32,
    "temperature_K": 300,
    "npt_steps": 100,
    "nvt_steps": 4000,
    "biasfactor": [4],
    "wte_steps": 1000,
    "frames_per_ensemble": 10,
    "seed": 3,
    "force_field": {"name": "tip3p-flexible", "cutoff_A": 4},
}

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([10**18, -(10**18), 2**63]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.lists(st.integers(-1, 2), max_size=2),
    st.just(["x", 1]),
    st.just([[]]),
    st.just([{}]),
    st.just({"x": [{"y": None}]}),
    st.just("\x00"),
    st.just("V_X"),
    st.just("*"),
)


def places(value, path=()):
    """Every place in a file's content."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, (dict, list)):
            yield from places(item, (*path, key))
        else:
            yield (*path, key)


@st.composite
def broken(draw, content):
    """A file's content with one to three values, keys or entries changed."""
    data = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 3))):
        there = list(places(data))
        if not there:
            break
        *parents, last = draw(st.sampled_from(there))
        holder = data
        for key in parents:
            holder = holder[key]
        how = draw(st.sampled_from(["value", "value", "remove", "rename", "twice"]))
        if how == "value":
            holder[last] = copy.deepcopy(draw(VALUES))
        elif how == "remove":
            del holder[last]
        elif isinstance(holder, dict):
            name = draw(st.sampled_from(["x", str(last) + "s", str(last)[1:], "", "a.b", "0"]))
            holder[name] = copy.deepcopy(holder[last]) if how == "twice" else holder.pop(last)
        else:
            holder.append(copy.deepcopy(holder[last]))
    return data


@st.composite
def garbled(draw, content):
    """The text of a file with some letters put in, taken away or put in others' place."""
    text = json.dumps(content, indent=1)
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(text) - 1))
        size = draw(st.sampled_from([0, 1, 1, 3]))
        more = draw(
            st.sampled_from(
                [
                    "",
                    ",",
                    '"',
                    "'",
                    "{",
                    "]",
                    ":",
                    "//",
                    "#",
                    "NaN",
                    "\x00",
                    "\\",
                    "\t",
                    "\ufeff",
                    "é",
                    "1e999",
                    "-",
                    "True",
                    "\n",
                ]
            )
        )
        text = text[:place] + more + text[place + size :]
    return text or "x"


def check(text: str, name: str = "param.json") -> None:
    """The contract of ``wtemlp check --schema-only`` for a parameter file."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        (folder / name).write_text(text, encoding="utf-8", newline="")
        words = ["check", "-C", str(folder), "--schema-only", str(folder / name)]
        done = CliRunner().invoke(cli.cli, words, standalone_mode=False)
        assert [file.name for file in folder.iterdir()] == [name]
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    lines = done.output.splitlines()
    assert done.exit_code in (0, 2) and lines
    assert (done.exit_code == 2) == any(line.startswith("error ") for line in lines)


def check_machine(text: str) -> None:
    """The same for a machine file."""
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "machine.json"
        file.write_text(text, encoding="utf-8", newline="")
        findings = Findings(lambda finding: None)
        check_machine_file(file, findings, to_run=False)
        assert list(Path(made).iterdir()) == [file]
    assert findings.all and findings.exit_code in (0, 2)
    assert all("\n" not in one.line for one in findings.all)


@FEW
@given(broken(PARAM))
def test_broken_values_of_a_parameter_file(data):
    check(json.dumps(data))


@FEW
@given(broken(dpgen_files.CARBIDE))
def test_broken_values_of_a_parameter_file_of_dpgen(data):
    check(json.dumps(data))


@FEW
@given(broken(MACHINES))
def test_broken_values_of_a_machine_file(data):
    check_machine(json.dumps(data))


@FEW
@given(garbled(PARAM), st.sampled_from(["param.json", "param.yaml"]))
def test_garbled_texts_of_a_parameter_file(text, name):
    check(text, name=name)


@FEW
@given(garbled(MACHINES))
def test_garbled_texts_of_a_machine_file(text):
    check_machine(text)


@FEW
@given(st.one_of(broken(INIT).map(json.dumps), garbled(INIT)))
def test_broken_init_files(text):
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "init.json"
        file.write_text(text, encoding="utf-8", newline="")
        try:
            load_init_params(file, Path(made))
        except InputError as error:
            assert all("\n" not in str(one) for one in error.each)
        assert list(Path(made).iterdir()) == [file]


def test_the_files_are_good_before_they_are_broken(tmp_path):
    for param in (PARAM, dpgen_files.CARBIDE):
        check(json.dumps(param))
    check_machine(json.dumps(MACHINES))
    (tmp_path / "init.json").write_text(json.dumps(INIT))
    load_init_params(tmp_path / "init.json", tmp_path)


def test_a_bug_is_told_with_what_to_send(tmp_path, monkeypatch, capsys):
    (tmp_path / "param.json").write_text(json.dumps(PARAM))
    monkeypatch.setattr("sys.argv", ["wtemlp", "check", "--schema-only", f"{tmp_path}/param.json"])
    broken_part = patch("wtemlp.preflight.inputs.examine_params", side_effect=KeyError("x"))
    with broken_part, pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().err
    assert end.value.code == 70 and "KeyError: 'x'" in said and "a bug of wtemlp: please" in said
    assert "Traceback" not in said and [file.name for file in tmp_path.iterdir()] == ["param.json"]
    assert "(inputs.py, line " in said and "the input files" in said
