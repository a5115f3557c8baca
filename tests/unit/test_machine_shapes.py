"""Machine files in all the shapes that DP-GEN takes, and those that it once took."""

import copy
import json
import sys

import pytest

from wtemlp import cli
from wtemlp.config.machine.sections import examine_machines, load_machines
from wtemlp.core.errors import InputError, NotRunnable
from wtemlp.dpgen import adapter

SECTION = {
    "command": "/opt/bin/dp",
    "machine": {"batch_type": "PBS", "context_type": "LazyLocalContext", "local_root": "./"},
    "resources": {"number_node": 1, "cpu_per_node": 4, "queue_name": "q", "group_size": 2},
}
STAGES = ("train", "model_devi", "fp")


def part(machine=(), resources=(), **section):
    """A section with some keys changed."""
    new = copy.deepcopy(SECTION) | section
    new["machine"] |= dict(machine)
    new["resources"] |= dict(resources)
    return new


def three(**changes):
    """A file of three sections."""
    return {"api_version": "1.0", **dict.fromkeys(STAGES, SECTION), **changes}


def flat(section=SECTION):
    """A file without sections."""
    return {f"{stage}_{key}": value for stage in STAGES for key, value in section.items()}


SSH = {
    "context_type": "SSHContext",
    "remote_root": "/scratch",
    "remote_profile": {"hostname": "h", "username": "u", "port": 2222},
}
BOHRIUM = {
    "batch_type": "Lebesgue",
    "context_type": "LebesgueContext",
    "remote_profile": {
        "email": "e",
        "password": "p",
        "program_id": 1,
        "input_data": {"job_type": "container", "scass_type": "c4_m8_cpu"},
    },
}
ACCEPTED = {
    "three objects": three(),
    "lists": three(train=[SECTION], model_devi=[SECTION], fp=[SECTION]),
    "keys at the top": flat(),
    "keys at the top and sections": {**flat(), "train": SECTION},
    "comments": three(train=part(comments="c", _comment="c", resources={"_why": "c"})),
    "no local_root": three(fp=part({"local_root": "elsewhere"})),
    "names in lower case": three(fp=part({"batch_type": "slurm", "context_type": "lazylocal"})),
    "ssh": three(fp=part(SSH)),
    "bohrium by its first name": three(fp=part(BOHRIUM)),
    "lsf without kwargs": three(fp=part({"batch_type": "LSF"})),
    "sge without kwargs": three(fp=part({"batch_type": "SGE"})),
    "gpus of lsf": three(fp=part({"batch_type": "LSF"}, {"kwargs": {"gpu_usage": True}})),
    "group_size beside resources": three(fp=part(group_size=20)),
    "all of resources": three(
        fp=part(
            resources={
                "strategy": {"if_cuda_multi_devices": True, "ratio_unfinished": 0.1},
                "gpu_per_node": 4,
                "para_deg": 4,
                "module_purge": True,
                "module_list": ["cuda"],
                "module_unload_list": ["x"],
                "source_list": ["a.env"],
                "envs": {"A": 1, "B": "2"},
                "custom_flags": ["#PBS -l x"],
                "prepend_script": ["ulimit -s unlimited"],
                "append_script": ["sync"],
                "wait_time": 5,
            }
        )
    ),
    "no cores": three(fp=part(resources={"cpu_per_node": 0, "gpu_per_node": 1})),
    "user's files": three(fp=part(user_forward_files=["vdw.bin"], user_backward_files=["x"])),
    "another export": three(train=part(export_command="dp --pt")),
    "a command behind the options": three(
        fp=part(resources={"custom_flags": ["#PBS -A x", "ml y"]})
    ),
    "a shell that hands arguments on": three(train=part(command="bash -c 'dp \"$@\"' bash")),
    "a script in two parts": three(
        fp=part(resources={"prepend_script": ["if true; then"], "append_script": ["fi"]})
    ),
    "an IPv6 address": three(
        fp=part(SSH | {"remote_profile": SSH["remote_profile"] | {"hostname": "fe80::1"}})
    ),
    "calypso": three(model_devi=part(calypso_path="/opt", deepmdkit_python="python")),
    "key of machine in resources": three(fp=part(resources={"local_root": "./"})),
}


def file_of(folder, data):
    path = folder / "machine.json"
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("data", ACCEPTED.values(), ids=ACCEPTED)
def test_what_dpgen_takes(tmp_path, data):
    theirs = adapter.flat_mdata(data)
    dpdispatcher = adapter.import_quietly("dpdispatcher")
    for stage in STAGES:
        dpdispatcher.Resources.load_from_dict(dict(theirs[f"{stage}_resources"]))
    machines = load_machines(file_of(tmp_path, data), tmp_path)
    for stage in STAGES:
        section = getattr(machines, stage)
        assert section.command == theirs[f"{stage}_command"] == machines.mdata[f"{stage}_command"]
        given = theirs[f"{stage}_resources"]
        assert {k: section.resources[k] for k in SECTION["resources"]} == {
            k: given[k] for k in SECTION["resources"]
        }


def test_what_has_no_effect_is_told(tmp_path):
    data = three(fp=[part(resources={"local_root": "./"}), SECTION])
    _, ignored, problems = examine_machines(file_of(tmp_path, data))
    assert [str(error) for error in ignored] == [
        "machine.json: fp has 2 machines; the first is used: remove the others",
        'machine.json: fp.resources.local_root = "./"; has no effect here: it is a key of '
        "fp.machine",
    ]
    assert not problems


def test_options_of_another_queue_are_told(tmp_path):
    data = three(
        fp=part(resources={"custom_flags": ["#SBATCH -t 1:00:00", "#PBS -A x", "#pbs -m n"]})
    )
    _, (told, _), _ = examine_machines(file_of(tmp_path, data))
    assert 'custom_flags[0] = "#SBATCH -t 1:00:00"; has no effect: options of this queue' in str(
        told
    )


OLD = "is of DP-GEN's dispatcher before api_version 1.0: write"
REFUSED = {
    "the old dispatcher": (
        flat() | {"train_machine": {"machine_type": "slurm", "work_path": "/w"}},
        f'train_machine.machine_type = "slurm"; {OLD} batch_type and context_type',
    ),
    "its resources": (
        three(fp=[part(resources={"numb_gpu": 4})]),
        f"fp.resources.numb_gpu = 4; {OLD} gpu_per_node",
    ),
    "its programs": ({"deepmd_path": "/opt", **three()}, 'deepmd_path = "/opt"; is of DP-GEN\'s'),
    "a slip at the top": (
        {k.replace("train_command", "train_comand"): v for k, v in flat().items()},
        'train_comand = "/opt/bin/dp"; unknown key, did you mean "command"?',
    ),
    "a part that is missing": (
        {k: v for k, v in flat().items() if k != "fp_resources"},
        "fp_resources is missing; add it",
    ),
    "an old version": (three(api_version="one"), 'api_version = "one"; must be 1.0'),
    "an option for a name": (
        three(fp=part(resources={"queue_name": "-p gpu"})),
        'fp.resources.queue_name = "-p gpu"; must be the name alone',
    ),
    "an option without its mark": (
        three(fp=part(resources={"custom_flags": ["#PBS -A x", "-l walltime=1"]})),
        'fp.resources.custom_flags[1] = "-l walltime=1"; is no option of the queue: begin it with',
    ),
    "an array": (
        three(fp=part({"batch_type": "Slurm"}, {"custom_flags": ["#SBATCH --array=1-5"]})),
        "makes several jobs of one",
    ),
    "an option of the queue as a key": (
        three(fp=part(resources={"walltime": "1:00:00"})),
        "unknown key, write it into custom_flags",
    ),
    "in the background": (three(train=part(command="dp &")), "runs behind the shell's back"),
    "a comment": (three(train=part(command="dp # kit")), "ends in a comment"),
    "a long dash": (
        three(fp=part(command="mpirun \u2013n 4 vasp")),
        "begins with a dash of a word processor",
    ),
    "a blank of a word processor": (
        three(fp=part(command="mpirun\u00a0-n 4 vasp")),
        "has a blank or quote of a word processor",
    ),
    "a pipe into nothing": (
        three(fp=part(command="vasp |")),
        'fp.command = "vasp |"; no shell can read it: syntax error',
    ),
    "a bracket": (three(fp=part(command="vasp (std)")), "no shell can read it: syntax error near"),
    "nothing to redirect to": (three(train=part(command="dp >")), "no shell can read it"),
    "a sub-shell with arguments": (three(train=part(command="(dp)")), "must be one program"),
    "a semicolon": (three(train=part(command="dp ;")), "must be one program"),
    "a shell without the arguments": (
        three(train=part(command="singularity exec d.sif bash -lc 'source e.sh; dp'")),
        "drops the arguments that are put behind it: write",
    ),
    "a quote in a script": (
        three(fp=part(resources={"prepend_script": ["ulimit -s 1", "echo 'x"]})),
        'prepend_script = ["ulimit -s 1", "echo \'x"]; no shell can read it',
    ),
    "a text without an end": (
        three(fp=part(resources={"prepend_script": ["cat > a <<EOF", "x"]})),
        "no shell can read it: warning: here-document",
    ),
    "a line that takes in the next": (
        three(fp=part(resources={"prepend_script": ["export A=1 \\"]})),
        "the backslash at its end takes the line after it in",
    ),
    "a script at the end": (
        three(fp=part(resources={"prepend_script": ["true"], "append_script": ["fi"]})),
        'append_script = ["fi"]; no shell can read it',
    ),
    "an option without a hash": (
        three(fp=part(resources={"custom_flags": ["PBS -A x"]})),
        'custom_flags[0] = "PBS -A x"; is no option of the queue: begin it with "#PBS"',
    ),
    "a command among options": (
        three(fp=part(resources={"custom_flags": ["#PBS -A x", "ulimit -s 1", "#PBS -m n"]})),
        'custom_flags[1] = "ulimit -s 1"; is a command, behind which no queue reads options',
    ),
    "a port in a host": (
        three(fp=part(SSH | {"remote_profile": SSH["remote_profile"] | {"hostname": "h:2222"}})),
        "must be the host alone: the user is username, the port is port",
    ),
    "no host": (
        three(fp=part(SSH | {"remote_profile": SSH["remote_profile"] | {"hostname": ""}})),
        "fp.machine.remote_profile.hostname; must be the host alone",
    ),
    "a login for a host": (
        three(fp=part(SSH | {"remote_profile": SSH["remote_profile"] | {"hostname": "me@h"}})),
        "fp.machine.remote_profile.hostname; must be the host alone",
    ),
    "labels alone": ({"fp": SECTION}, "train is missing; add it: an object"),
}


@pytest.mark.parametrize(("data", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(tmp_path, data, words):
    with pytest.raises(InputError) as caught:
        examine_machines(file_of(tmp_path, data))
    assert words in str(caught.value) and not isinstance(caught.value, NotRunnable)


NOT_RUN = {
    "a place-holder": (three(fp=part(SSH | {"remote_root": "WORK"})), 'remote_root = "WORK"'),
    "no folder": (three(fp=part(SSH | {"remote_root": None})), "fp.machine.remote_root is missing"),
    "a variable alone": (three(train=part(command="OMP_NUM_THREADS=1")), "must be the command of"),
    "no command": (three(fp=part(command="")), 'fp.command = ""; must be the command'),
    "no GPU to share": (
        three(fp=part(resources={"strategy": {"if_cuda_multi_devices": True}})),
        "fp.resources.gpu_per_node = 0; must be 1 or more with if_cuda_multi_devices",
    ),
    "an old DeePMD-kit": (three(deepmd_version="1.3"), "must be a version 2 or 3 of DeePMD-kit"),
    "mail": (three(handlers={"smtp": {"credentials": ["me", "hunter2"]}}), "handlers"),
}


@pytest.mark.parametrize(("data", "words"), NOT_RUN.values(), ids=NOT_RUN)
def test_what_is_well_formed_but_not_run(tmp_path, monkeypatch, capsys, data, words):
    path = file_of(tmp_path, data)
    with pytest.raises(NotRunnable) as caught:
        load_machines(path, tmp_path)
    assert words in str(caught.value)
    from tests.support.loop_runs import PARAM

    (tmp_path / "param.json").write_text(json.dumps(PARAM))
    args = ["wtemlp", "check", "--schema-only", str(tmp_path / "param.json"), str(path)]
    monkeypatch.setattr(sys, "argv", args)
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().out
    assert end.value.code == 0 and words in said and "hunter2" not in said
    assert "machine.json: is well-formed" in said


def test_a_line_end_behind_a_command_is_dropped(tmp_path):
    """As YAML's ``|`` leaves it: its arguments would be a command of their own."""
    machines = load_machines(file_of(tmp_path, three(train=part(command="mydp\n"))), tmp_path)
    assert machines.train.command == machines.mdata["train_command"] == "mydp"
