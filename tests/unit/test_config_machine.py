"""Machine files: good ones become records, wrong ones one line."""

import copy
import json
from pathlib import Path

import pytest

from wtemlp.config.machine.sections import load_machines
from wtemlp.core.errors import InputError
from wtemlp.dispatch.remote_shell import Place
from wtemlp.dpgen import adapter

SECTION = {
    "command": "dp",
    "machine": {
        "batch_type": "Slurm",
        "context_type": "SSHContext",
        "local_root": "./",
        "remote_root": "/scratch/run",
        "remote_profile": {"hostname": "cluster", "username": "me", "_comment": "no password"},
    },
    "resources": {"queue_name": "gpu", "gpu_per_node": 1, "group_size": 4},
}
SHELL = {
    "command": "wtemlp lmp",
    "machine": {"batch_type": "Shell", "context_type": "LazyLocalContext"},
    "resources": {"group_size": 1, "envs": {"OMP_NUM_THREADS": 1}},
    "user_forward_files": ["table.dat"],
}
GOOD = {
    "_comment": "dropped",
    "api_version": "1.0",
    "deepmd_version": "3.2.0",
    "train": SECTION,
    "model_devi": SHELL,
    "fp": copy.deepcopy(SHELL),
}


def load(root: Path, data: object):
    """Write a machine file and load it."""
    path = root / "machine.json"
    path.write_text(json.dumps(data))
    return load_machines(path, root)


def changed(changes: dict[str, object]) -> dict:
    """The good file with values set or, where they are ``...``, removed."""
    data = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = data
        for part in parents:
            place = place[part]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return data


def error_of(root: Path, data: dict) -> str:
    """The line that a file is refused with."""
    with pytest.raises(InputError) as caught:
        load(root, data)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.exit_code == 2
    return line


def test_good_file_becomes_the_expected_records(tmp_path):
    machines = load(tmp_path, GOOD)
    assert machines.source == tmp_path / "machine.json"
    assert machines.deepmd_version == "3.2.0"
    train, model_devi = machines.train, machines.model_devi
    assert (train.stage, train.command) == ("train", "dp")
    assert train.machine["batch_type"] == "Slurm"
    assert train.machine["retry_count"] == 3
    assert train.machine["remote_profile"]["port"] == 22
    assert "_comment" not in train.machine["remote_profile"]
    assert train.resources["group_size"] == 4
    assert train.resources["para_deg"] == 1
    assert model_devi.machine["local_root"] == "./"
    assert model_devi.user_forward_files == ("table.dat",)
    assert machines.fp.user_backward_files == ()


def test_dpgen_gets_its_flat_keys(tmp_path):
    mdata = load(tmp_path, GOOD).mdata
    assert mdata["train_command"] == "dp"
    assert mdata["train_group_size"] == 4
    assert mdata["fp_machine"]["batch_type"] == "Shell"
    assert "model_devi_user_forward_files" not in mdata  # wtemlp hands them on, not DP-GEN


def test_dpdispatcher_takes_the_records(tmp_path):
    dpdispatcher = adapter.import_quietly("dpdispatcher")
    section = load(tmp_path, GOOD).model_devi
    machine = dpdispatcher.Machine.load_from_dict(
        dict(section.machine) | {"local_root": str(tmp_path)}
    )
    assert type(machine).__name__ == "Shell"
    assert dpdispatcher.Resources.load_from_dict(dict(section.resources)).group_size == 1


HEADS = {
    "LSF": ["#BSUB -n 1", "#BSUB -q gpu"],
    "SGE": ["#$ -pe mpi 1", "#$ -q gpu"],
    "PBS": ["#PBS -l select=1:ncpus=1:ngpus=1", "#PBS -q gpu"],
    "Torque": ["#PBS -l nodes=1:ppn=1:gpus=1", "#PBS -q gpu"],
    "Slurm": ["#SBATCH --gres=gpu:1", "#SBATCH --partition gpu"],
    "JH_UniScheduler": ["#JSUB -n 1", "#JSUB -q gpu"],
}


@pytest.mark.parametrize("batch", HEADS)
def test_kwargs_are_not_asked_for(tmp_path, batch):
    """dpdispatcher runs a file without them; its schema asks for them with some queues."""
    data = changed({"train.machine.batch_type": batch, "train.machine.context_type": "LazyLocal"})
    data["train"]["machine"].pop("remote_profile")
    section = load(tmp_path, data).train
    head = Place(section, tmp_path).script_head().splitlines()
    assert [line for line in HEADS[batch] if line not in head] == []


def test_sections_as_lists_and_comments(tmp_path):
    data = changed({"train.comments": "any", "fp.group_size": 10})
    data["fp"] = [data["fp"]]
    machines = load(tmp_path, data)
    assert machines.fp.command == "wtemlp lmp"
    assert machines.mdata["fp_group_size"] == 10


def test_patience_is_ours(tmp_path):
    data = changed({"fp.machine.poll_seconds": 5, "fp.machine.outage_seconds": 3600.0})
    machine = load(tmp_path, data).fp.machine
    assert (machine["poll_seconds"], machine["outage_seconds"]) == (5, 3600.0)


def test_trust_in_hosts_is_ours(tmp_path):
    given = {"strict_host_key_checking": "accept-new", "known_hosts_file": "~/known"}
    data = changed({f"train.machine.{key}": value for key, value in given.items()})
    machine = load(tmp_path, data).train.machine
    assert {key: machine[key] for key in given} == given


def test_lower_case_names_as_dpdispatcher_takes_them(tmp_path):
    data = changed({"fp.machine.batch_type": "shell", "fp.machine.context_type": "LazyLocal"})
    assert load(tmp_path, data).fp.machine["batch_type"] == "shell"


def test_versions_default_as_in_dpgen(tmp_path):
    machines = load(tmp_path, changed({"deepmd_version": ..., "api_version": ...}))
    assert machines.deepmd_version == "2"


def test_loading_writes_nothing(tmp_path, monkeypatch):
    (tmp_path / "machine.json").write_text(json.dumps(GOOD))
    monkeypatch.chdir(tmp_path)
    load_machines(tmp_path / "machine.json", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["machine.json"]


WRONG = [
    ({"train": ...}, "train is missing; add it: an object"),
    ({"model_devi": ...}, "model_devi is missing"),
    ({"fp": ...}, "fp is missing"),
    ({"train": []}, "train = []; must have one machine"),
    ({"train": 1}, "train = 1; must be an object"),
    ({"train": [1]}, "train = 1; must be an object"),
    ({"trian": {}}, 'trian = {}; unknown key, did you mean "train"?'),
    ({"train.comand": "dp"}, 'train.comand = "dp"; unknown key, did you mean "command"?'),
    ({"train.command": ...}, "train.command is missing; add it: a string"),
    ({"train.command": " "}, 'train.command = " "; must be the command of the program'),
    ({"train.command": ["dp"]}, 'train.command = ["dp"]; must be a string'),
    ({"train.machine": ...}, "train.machine is missing; add it: an object"),
    ({"train.machine": "slurm"}, 'train.machine = "slurm"; must be an object'),
    ({"train.resources": ...}, "train.resources is missing; add it: an object"),
    ({"train.resources": 1}, "train.resources = 1; must be an object"),
    (
        {"train.machine.batch_type": "Slrum"},
        'train.machine.batch_type = "Slrum"; must be one of "Bohrium", "DistributedShell",',
    ),
    ({"train.machine.batch_type": 1}, "train.machine.batch_type = 1; must be one of"),
    ({"train.machine.batch_type": ...}, "train.machine.batch_type is missing; add it: one of"),
    (
        {"train.machine.context_type": "SHHContext"},
        'train.machine.context_type = "SHHContext"; must be one of "BohriumContext", "HDFSContext"',
    ),
    ({"train.machine.context_type": ...}, "train.machine.context_type is missing; add it: one of"),
    ({"train.machine.remote_profile": ...}, "train.machine.remote_profile is missing"),
    ({"train.machine.remote_profile.hostname": ...}, "remote_profile.hostname is missing"),
    ({"train.machine.remote_root": ...}, "train.machine.remote_root is missing; add it"),
    ({"train.machine.remote_root": "run"}, 'remote_root = "run"; must be an absolute path'),
    ({"train.machine.local_root": 1}, "train.machine.local_root = 1; must be a string or null"),
    ({"train.machine.retry_count": -1}, "train.machine.retry_count = -1; must be 0 or more"),
    ({"fp.machine.poll_seconds": -1}, "fp.machine.poll_seconds = -1; must be 0 or more (s)"),
    (
        {"train.machine.strict_host_key_checking": "off"},
        'strict_host_key_checking = "off"; must be "yes", "accept-new" or "no"',
    ),
    ({"train.machine.strict_host_key_checking": False}, "strict_host_key_checking = false; must"),
    ({"train.machine.known_hosts_file": 1}, "known_hosts_file = 1; must be a string"),
    ({"fp.machine.outage_seconds": "1 d"}, 'fp.machine.outage_seconds = "1 d"; must be a number'),
    ({"train.machine.retry": 1}, 'train.machine.retry = 1; unknown key, did you mean "retry_c'),
    ({"train.resources.group_size": ...}, "train.resources.group_size is missing; add it: an int"),
    ({"train.resources.group_size": "4"}, 'train.resources.group_size = "4"; must be an integer'),
    ({"train.resources.group_size": -4}, "train.resources.group_size = -4; must be 0 or more"),
    ({"train.resources.cpu_per_node": -1}, "cpu_per_node = -1; must be 0 or more"),
    ({"train.resources.gpus_per_node": 1}, 'gpus_per_node = 1; unknown key, did you mean "gpu_'),
    ({"train.resources.custom_flags": "-t 1"}, 'custom_flags = "-t 1"; must be a list of strings'),
    ({"train.resources.module_list": [1]}, "module_list[0] = 1; must be a string"),
    (
        {
            "train.resources.strategy": {"if_cuda_multi_devices": True},
            "train.resources.gpu_per_node": 0,
        },
        "gpu_per_node = 0; must be 1 or more with if_cuda_multi_devices",
    ),
    (
        {
            "train.resources.strategy": {"if_cuda_multi_devices": True},
            "train.resources.number_node": 2,
        },
        "number_node = 2; must be 1 with if_cuda_multi_devices",
    ),
    ({"train.resources.wait_time": -1}, "train.resources.wait_time = -1; must be 0 or more (s)"),
    ({"train.resources.envs": {"A B": 1}}, "'A B' is not the name of an environment variable"),
    ({"train.resources.envs": {"A": {}}}, "the value of A must be a string"),
    ({"train.resources.strategy": {"ratio_unfinished": 1.0}}, "must be 0 or more and less than 1"),
    ({"train.resources.envs": {"\u00c4": 1}}, "is not the name of an environment variable"),
    ({"train.machine.remote_profile.port": 0}, "remote_profile.port; must be a positive integer"),
    ({"train.machine.remote_profile.port": 70000}, "remote_profile.port; must be 65535 or less"),
    ({"train.machine.remote_profile.timeout": 0}, "timeout; must be a positive integer"),
    ({"train.resources.queue_name": "a\0"}, 'queue_name = "a\\u0000"; must not have a NUL'),
    ({"train.command": "dp 'x"}, 'train.command = "dp \'x"; correct its quotes (No closing'),
    ({"train.command": "cd x; dp"}, "must be one program, arguments are put behind it"),
    ({"model_devi.command": "lmp | tee log"}, "write what comes before it into model_devi.resou"),
    ({"train.resources.kwargs": {"gpu": 1}}, "train.resources.kwargs.gpu = 1; unknown key"),
    ({"train.user_forward_files": "x"}, 'user_forward_files = "x"; must be a list of strings'),
    ({"api_version": "0.9"}, 'api_version = "0.9"; must be 1.0'),
    ({"deepmd_version": "1.3"}, 'deepmd_version = "1.3"; must be a version 2 or 3'),
    ({"deepmd_version": "new"}, 'deepmd_version = "new"; must be a version 2 or 3'),
    ({"deepmd_version": 3.2}, "deepmd_version = 3.2; must be a string"),
]


@pytest.mark.parametrize(
    ("changes", "part"), WRONG, ids=[f"{i:02d}-{next(iter(c))}" for i, (c, _) in enumerate(WRONG)]
)
def test_wrong_input_is_one_line(tmp_path, changes, part):
    line = error_of(tmp_path, changed(changes))
    assert line.startswith("machine.json: ")
    assert part in line


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("source_list", "source"),
        ("module_list", "module load"),
        ("module_unload_list", "module unload"),
    ],
)
@pytest.mark.parametrize(
    "word",
    [
        "~/env.sh",
        "$HOME/env.sh",
        "env.sh; module load gcc",
        "env*.sh",
        "a && b",
        "`x`",
        "$(x)",
        "a\nb",
        "it's",
        '"open',
        "a > b",
        "# x",
        "{a,b}",
    ],
)
def test_lists_of_plain_words_refuse_what_a_shell_would_read(tmp_path, key, command, word):
    line = error_of(tmp_path, changed({f"fp.resources.{key}": ["plain", word]}))
    assert f"fp.resources.{key}[1] = " in line
    assert f"prepend_script, as {json.dumps(f'{command} {word}')}" in line


def test_an_option_is_no_script_to_be_read(tmp_path):
    line = error_of(tmp_path, changed({"fp.resources.source_list": ["-x env.sh"]}))
    assert "source_list[0]" in line
    assert "prepend_script" in line


@pytest.mark.parametrize(
    "words",
    [
        ["env.sh"],
        ["activate deepmd"],
        ["'my env.sh' gcc"],
        ["a\\;b"],
        [""],
        ["gcc/12.2 openmpi"],
    ],
)
def test_plain_words_are_taken_as_dpdispatcher_takes_them(tmp_path, words):
    lists = dict.fromkeys(("source_list", "module_list", "module_unload_list"), words)
    data = changed({f"fp.resources.{key}": value for key, value in lists.items()})
    given = load(tmp_path, data).fp.resources
    assert {key: given[key] for key in lists} == lists


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "$HOME/bin:$PATH"),
        ("LD_LIBRARY_PATH", "${CONDA_PREFIX}/lib"),
        ("PATH", "~/bin"),
        ("OMP_NUM_THREADS", "$SLURM_CPUS_PER_TASK"),
        ("N", "$(nproc)"),
        ("N", "`nproc`"),
        ("PYTHONPATH", "/a:~/b"),
        ("A", ["x", "$B"]),
    ],
)
def test_variables_that_stay_as_they_are_written_are_refused(tmp_path, name, value):
    line = error_of(tmp_path, changed({"fp.resources.envs": {name: value}}))
    assert line.startswith(f"machine.json: fp.resources.envs; the value of {name} has ")
    assert f'prepend_script, as "export {name}=..."' in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/usr/bin:/bin"),
        ("A", "x;y *"),
        ("A", "5$"),
        ("A", "~"),
        ("N", 4),
        ("A", []),
    ],
)
def test_other_values_of_variables_are_taken(tmp_path, name, value):
    envs = {name: value}
    assert load(tmp_path, changed({"fp.resources.envs": envs})).fp.resources["envs"] == envs


def test_what_a_command_prepares_goes_into_the_job_script(tmp_path):
    data = changed(
        {
            "train.command": "ulimit -s unlimited; source ~/env.sh && dp",
            "train.resources.prepend_script": ["module load gcc"],
        }
    )
    machines = load(tmp_path, data)
    assert machines.train.command == machines.mdata["train_command"] == "dp"
    lines = ["module load gcc", "ulimit -s unlimited", "source ~/env.sh || exit 1"]
    assert machines.train.resources["prepend_script"] == lines
    assert machines.mdata["train_resources"]["prepend_script"] == lines


def test_labels_may_take_several_programs(tmp_path):
    whole = "mpirun -n 4 vasp_std; rm -f WAVECAR"
    assert load(tmp_path, changed({"fp.command": whole})).fp.command == whole


@pytest.mark.parametrize("place", ["", "train.", "train.machine.", "train.resources."])
@pytest.mark.parametrize("key", ["dflow_config", "bohrium_config", "ssh_tunnel", "image_of_mine"])
def test_keys_that_only_other_tools_read_are_warnings(tmp_path, place, key):
    machines = load(tmp_path, changed({f"{place}{key}": {"password": "12345"}}))
    (told,) = machines.warnings
    assert told.startswith(f"machine.json: {place}{key} = ")
    assert "has no effect: neither DP-GEN nor dpdispatcher nor wtemlp reads it" in told
    assert "12345" not in told
    assert key not in json.dumps(machines.mdata)


@pytest.mark.parametrize(
    "changes",
    [
        {"train.machine.remote_profile.password": 12345},
        {"train.machine.remote_profile.pasword": "12345"},
        {"train.machine.remote_profile": "12345"},
        {"train.machine.remote_profil": {"password": "12345"}},
        {"train.machine.passphrase": "12345"},
        {"train.resources.envs": {"A": "12345$B"}},
        {"trian": {"machine": {"remote_profile": {"password": "12345"}}}},
        {"train": [[{"machine": {"remote_profile": {"password": "12345"}}}]]},
        {"handlers": {"smtp": {"credentials": ["me", "12345"]}}},
        {"train.resources.envs": {"A B": "12345"}},
    ],
)
def test_no_secret_is_shown(tmp_path, changes):
    assert "12345" not in error_of(tmp_path, changed(changes))


def test_parameter_file_in_its_place(tmp_path):
    line = error_of(tmp_path, {"default_training_param": {}})
    assert "is a parameter file of wtemlp run; give a machine file here" in line


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.json: no such file"):
        load_machines(tmp_path / "nothing.json", tmp_path)
