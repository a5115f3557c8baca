"""The command line: wrong input is one line, exit code 2, and nothing is written."""

import copy
import json
import os
import subprocess
import sys

import pytest

from tests.support.loop_runs import PARAM, machine, write_data
from wtemlp import cli


@pytest.fixture
def folder(tmp_path):
    write_data(tmp_path)
    sections = {"train": machine("sh"), "model_devi": machine("sh"), "fp": machine("sh")}
    mdata = {"api_version": "1.0", "deepmd_version": "3.2.0", **sections}
    (tmp_path / "machine.json").write_text(json.dumps(mdata))
    (tmp_path / "param.json").write_text(json.dumps(PARAM))
    return tmp_path


def wtemlp(monkeypatch, capsys, *args):
    """Exit code and what was written on stderr."""
    monkeypatch.setattr(sys, "argv", ["wtemlp", *map(str, args)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code, capsys.readouterr().err


def changed(content, path, value):
    """The content with one key, given by its path, set to a value (or removed: None)."""
    content = copy.deepcopy(content)
    *way, last = path
    place = content
    for key in way:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return content


WTE = ("model_devi_jobs", 0, "wte")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("fp_task_maxx",), 3, ["fp_task_maxx", "fp_task_max"]),
        (("type_map",), "O", ["type_map", '"O"']),
        (("numb_models",), "four", ["numb_models", "four"]),
        ((*WTE, "biasfactor"), 0.5, ["model_devi_jobs[0].wte.biasfactor", "0.5", "1 or more"]),
        ((*WTE, "sigma"), "12 parsec", ["wte.sigma", "12 parsec"]),
        (("model_devi_f_trust_lo",), 0.9, ["model_devi_f_trust_lo", "0.9"]),
        (("model_devi_f_trust_hi",), -1.0, ["model_devi_f_trust", "-1"]),
        (("sys_configs",), [["nowhere/*.POSCAR"]], ["sys_configs", "nowhere/*.POSCAR"]),
        (("init_data_sys",), ["absent"], ["init_data_sys", "absent"]),
        (("fp_params", "force_field"), "amoeba", ["fp_params.force_field", "amoeba"]),
        (("model_devi_jobs", 0, "sys_idx"), [3], ["model_devi_jobs[0].sys_idx", "3"]),
    ],
)
def test_a_wrong_parameter_file(folder, monkeypatch, capsys, path, value, words):
    (folder / "param.json").write_text(json.dumps(changed(PARAM, path, value)))
    refused(folder, monkeypatch, capsys, ["param.json", *words])


@pytest.mark.parametrize("section", ["train", "model_devi", "fp"])
def test_a_machine_file_without_a_section(folder, monkeypatch, capsys, section):
    content = json.loads((folder / "machine.json").read_text())
    (folder / "machine.json").write_text(json.dumps(changed(content, (section,), None)))
    refused(folder, monkeypatch, capsys, ["machine.json", section])


def test_a_missing_program(folder, monkeypatch, capsys):
    content = json.loads((folder / "machine.json").read_text())
    content["fp"]["command"] = "no-such-program -x"
    (folder / "machine.json").write_text(json.dumps(content))
    refused(folder, monkeypatch, capsys, ["machine.json: fp.command", "no-such-program"])


def test_a_command_with_an_open_quote(folder, monkeypatch, capsys):
    content = json.loads((folder / "machine.json").read_text())
    content["fp"]["command"] = "lmp 'x"
    (folder / "machine.json").write_text(json.dumps(content))
    refused(folder, monkeypatch, capsys, ["machine.json: fp.command", "No closing quotation"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {
                "context_type": "SSHContext",
                "remote_root": "/scratch",
                "remote_profile": {"hostname": "h", "username": "u", "key_filename": "no_key"},
            },
            ["key_filename", "no_key does not exist"],
        ),
    ],
)
def test_tasks_that_could_not_be_handed_out(folder, monkeypatch, capsys, changes, words):
    content = json.loads((folder / "machine.json").read_text())
    content["fp"]["machine"] |= changes
    (folder / "machine.json").write_text(json.dumps(content))
    refused(folder, monkeypatch, capsys, words)


def test_no_plumed_kernel(folder, monkeypatch, capsys):
    content = json.loads((folder / "machine.json").read_text())
    content["model_devi"]["command"] = "wtemlp lmp"
    (folder / "machine.json").write_text(json.dumps(content))
    monkeypatch.setenv("PLUMED_KERNEL", "/nonexistent/libplumedKernel.so")
    refused(folder, monkeypatch, capsys, ["PLUMED_KERNEL", "/nonexistent/libplumedKernel.so"])


@pytest.mark.parametrize(
    ("text", "words"), [("{", ["line 1"]), ("[]", ["object"]), ("", ["param.json"])]
)
def test_not_a_parameter_file(folder, monkeypatch, capsys, text, words):
    (folder / "param.json").write_text(text)
    refused(folder, monkeypatch, capsys, words)


def test_a_missing_file(folder, monkeypatch, capsys):
    (folder / "param.json").unlink()
    refused(folder, monkeypatch, capsys, ["param.json"])


def test_init_refuses_a_run_file(folder, monkeypatch, capsys):
    refused(folder, monkeypatch, capsys, ["param.json"], command="init")


def refused(folder, monkeypatch, capsys, words, command="run"):
    before = sorted(folder.rglob("*"))
    monkeypatch.chdir(folder)
    code, text = wtemlp(monkeypatch, capsys, command, "param.json", "machine.json")
    assert code == 2, text
    assert text.startswith("wtemlp: ") and text.count("\n") == 1, text
    for word in words:
        assert word in text
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("command", [["status"], ["report"], ["cancel"]])
def test_where_there_is_no_run(tmp_path, monkeypatch, capsys, command):
    code, text = wtemlp(monkeypatch, capsys, *command, tmp_path)
    assert code == 2 and "there is no run here" in text


def test_an_unknown_command_and_missing_arguments(monkeypatch, capsys):
    assert wtemlp(monkeypatch, capsys, "rum")[0] == 2
    code, text = wtemlp(monkeypatch, capsys, "run")
    assert code == 2 and "PARAM" in text


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from click.testing import CliRunner; from wtemlp.cli import cli\n"
        "for c in 'run init check schema plan status report cancel lmp dp'.split():\n"
        "    assert CliRunner().invoke(cli, [c, '--help']).exit_code == 0\n"
        "assert not {'dpgen', 'dpdata', 'tensorflow', 'MDAnalysis'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_closed_pipe_ends_a_command_without_a_word():
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "wtemlp", "schema", "--flat"]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_files_are_found_in_the_runs_folder(folder, tmp_path_factory, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    (folder / "param.json").write_text(json.dumps(changed(PARAM, ("numb_models",), "four")))
    code, text = wtemlp(monkeypatch, capsys, "run", "-C", folder, "param.json", "machine.json")
    assert code == 2 and "numb_models" in text


def test_the_shell_completes_commands(tmp_path):
    asked = {"_WTEMLP_COMPLETE": "bash_complete", "COMP_WORDS": "wtemlp va", "COMP_CWORD": "1"}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv[0] = 'wtemlp'; from wtemlp.cli import main; main()",
        ],
        cwd=tmp_path,
        env=os.environ | asked,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "plain,validate"
