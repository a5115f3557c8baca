"""Training parameters that DeePMD-kit refuses, or that cost a training, are told before a run."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.params import GOOD, changed, error_of, load
from tests.support.trainings import context_of
from wtemlp.core import paths
from wtemlp.core.errors import InputError
from wtemlp.stages import train

TRAIN = "default_training_param."
DESCRIPTOR, TRAINING = f"{TRAIN}model.descriptor", f"{TRAIN}training"
ATTENTION = {"type": "se_atten", "rcut": 4.0, "rcut_smth": 0.5, "sel": 20}


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {f"{DESCRIPTOR}.type": "se_e2a"},
            [
                'default_training_param.model.descriptor.type = "se_e2a"; must be one of',
                'did you mean "se_e2_a"?',
            ],
        ),
        ({f"{DESCRIPTOR}.neurons": [8]}, ["descriptor.neurons = [8]; unknown key", '"neuron"']),
        (
            {f"{DESCRIPTOR}.neuron": "big"},
            ['descriptor.neuron = "big"; must be a list of integers'],
        ),
        (
            {f"{DESCRIPTOR}.neuron": 4, "dp_compress": True},
            ["descriptor.neuron = 4; must be a list of integers"],
        ),
        ({f"{TRAIN}model.fiting_net": {}}, ["fiting_net = {}; unknown key", '"fitting_net"']),
        ({f"{TRAINING}.numb_stepz": 5}, ["training.numb_stepz = 5; unknown key", '"numb_step']),
        ({f"{TRAINING}.seed": "one"}, ['training.seed = "one"; must be an integer or null']),
        ({f"{TRAIN}loss.start_pref_e": "1"}, ['loss.start_pref_e = "1"; must be a number']),
        ({f"{TRAIN}loss.type": "energy"}, ['loss.type = "energy"; must be one of']),
        ({f"{TRAIN}learning_rate.stop_lr": "low"}, ['stop_lr = "low"; must be a number']),
        ({f"{TRAIN}learning_rate.stop_lr_ratio": 0.1}, ["default_training_param", "stop_lr"]),
        ({f"{TRAINING}.save_freq": 0}, ["training.save_freq = 0; must be a positive integer"]),
        ({f"{TRAINING}.disp_freq": 0}, ["training.disp_freq = 0; must be a positive integer"]),
        ({f"{TRAINING}.disp_freq": -5}, ["training.disp_freq = -5; must be a positive integer"]),
        (
            {f"{TRAINING}.numb_steps": 150, f"{TRAINING}.save_freq": 150},
            ["training.disp_freq", "must divide the 150 steps", "no model at the end"],
        ),
        ({f"{TRAINING}.stat_file_mode": "read"}, ["default_training_param", "stat_file"]),
    ],
)
def test_what_deepmd_kit_refuses_is_told_in_a_line(root, changes, parts):
    line = error_of(root, changes)
    assert line.startswith("params.json: ") and "\n" not in line
    for part in parts:
        assert part in line


def test_the_member_of_a_list_is_named(root):
    members = [copy.deepcopy(GOOD["default_training_param"]) for _ in range(4)]
    members[2]["model"]["descriptor"]["type"] = "se_e2a"
    line = error_of(root, {"default_training_param": members})
    assert "default_training_param[2].model.descriptor.type" in line


def test_a_type_that_a_plugin_may_have_is_a_warning(root):
    """The trainings' DeePMD-kit may have more than this machine's."""
    (line,) = warnings(root, {DESCRIPTOR: {"type": "mace_of_a_plugin", "rcut": 4.0}})
    assert 'descriptor.type = "mace_of_a_plugin": this machine\'s DeePMD-kit does not' in line


def test_the_schema_is_asked_without_a_back_end(root):
    (root / "params.json").write_text(json.dumps(GOOD))
    code = (
        "import sys; from pathlib import Path; from wtemlp.config.params import load_params;"
        "load_params(Path('params.json'), Path.cwd());"
        "assert 'deepmd.utils.argcheck' in sys.modules;"
        "assert not {'tensorflow', 'torch', 'jax'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def warnings(root: Path, changes: dict[str, object]) -> list[str]:
    return [line for line in load(root, changed(changes)).warnings if TRAIN[:-1] in line]


@pytest.mark.parametrize(
    ("rate", "steps", "told"),
    [
        # DeePMD-kit replaces a decay_steps that is not below the number of steps
        ({"decay_steps": 5000}, 5000, None),
        (
            {"decay_steps": 5000},
            5001,
            "the rate is 5.0e-03, stop_lr is 1.0e-05, start_lr 5.0e-03; "
            "decay_steps is 5000, make it about 50",
        ),
        ({}, 5001, "the rate is 5.0e-03, stop_lr is 1.0e-05, start_lr 5.0e-03"),
        ({"decay_steps": 5000, "stop_lr": 1e-3}, 5001, "the rate is 5.0e-03, stop_lr is 1.0e-03"),
        ({"decay_steps": 600}, 1000, "at the end of 1000 steps the rate is"),
        ({"decay_steps": 20}, 1000, None),
        ({"decay_steps": 300, "smooth": True}, 1000, None),
        ({"decay_rate": 0.95, "decay_steps": 100}, 1000, "the rate is 3.2e-03"),
        ({"stop_lr": 0.005}, 9000, None),  # constant as it is asked for
        ({"type": "cosine"}, 5001, None),
    ],
)
def test_a_learning_rate_that_does_not_fall_is_told(root, rate, steps, told):
    rate = {"type": "exp", "start_lr": 0.005, "stop_lr": 1e-5, **rate}
    lines = warnings(root, {f"{TRAIN}learning_rate": rate, f"{TRAINING}.numb_steps": steps})
    assert len(lines) == bool(told) and (told or "") in "".join(lines)


def test_the_rate_of_a_training_that_goes_on_is_looked_at_too(root):
    (line,) = warnings(
        root,
        {
            "training_reuse_iter": 1,
            "training_reuse_numb_steps": 5001,
            "training_reuse_start_lr": 1e-3,
        },
    )
    assert "at the end of 5001 steps the rate is 1.0e-03, stop_lr is 1.0e-05" in line


@pytest.mark.parametrize(
    ("key", "value", "taken"),
    [
        ("disp_file", "curve.txt", "lcurve.out"),
        ("save_ckpt", "ckpt/model", "model.ckpt"),
        ("disp_training", False, True),
        ("save_dir", "checkpoints", None),
    ],
)
def test_names_that_a_run_needs_are_overruled_with_a_word(root, key, value, taken):
    given = changed({f"{TRAINING}.{key}": value})["default_training_param"]
    context = context_of(root, default_training_param=given)
    line = context.params.warnings[0]
    assert line == (
        f"params.json: {TRAINING}.{key}: a run needs {json.dumps(taken)} here, which "
        f"is taken instead of {json.dumps(value)}"
    )
    train.prepare(context, 0)
    made = json.loads((context.paths.model(0, 1) / paths.TRAIN_INPUT).read_text())
    assert made["training"][key] == taken
    given["training"][key] = taken
    assert line not in context_of(root, default_training_param=given).params.warnings


def test_a_model_without_a_learning_curve_is_kept(root):
    context = context_of(root)
    train.prepare(context, 0)
    for task in train.tasks(context, 0)[0]:
        assert paths.LCURVE not in task.backward and paths.LCURVE in task.logs
        assert "frozen_model.pb" in task.backward


PB = b"\n\x20\n\x12descrpt_attr/rcut\x12\x05Const train_attr/training_script "
SCRIPT = b'{"model":{"type_map":["O","H"],"descriptor":{"sel":[1],"type":"%s","neuron":[4]}}}'


@pytest.mark.parametrize("key", ["training_init_frozen_model", "training_finetune_model"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "is a pointer to a large file",
        ),
        (b"a text that was given another name\n", "is no frozen model of DeePMD-kit"),
        (b"\n\x10made-up", "is no frozen model of DeePMD-kit"),
        (PB + SCRIPT % b"se_atten", None),
    ],
)
def test_what_a_training_begins_with_is_a_model(root, key, content, words):
    (root / "pre.pb").write_bytes(content)
    changes = {key: ["pre.pb"] * 4, DESCRIPTOR: ATTENTION}
    if words is None:
        load(root, changed(changes))
    else:
        line = error_of(root, changes)
        assert f'params.json: {key}[0] = "pre.pb"; ' in line and words in line


@pytest.mark.parametrize(("content", "good"), [(b"PK\x03\x04", True), (b"half", False)])
def test_a_model_of_torch_is_its_archive(root, content, good):
    (root / "pre.pth").write_bytes(content)
    changes = {"training_init_frozen_model": ["pre.pth"] * 4, "train_backend": "pytorch"}
    if good:
        load(root, changed(changes))
    else:
        assert "is no frozen model of DeePMD-kit" in error_of(root, changes)


@pytest.mark.parametrize(
    "descriptor",
    [
        GOOD["default_training_param"]["model"]["descriptor"],
        {
            "type": "hybrid",
            "list": [ATTENTION, GOOD["default_training_param"]["model"]["descriptor"]],
        },
    ],
)
def test_tensorflow_fine_tunes_attention_only(root, descriptor):
    (root / "pre.pb").write_bytes(PB + SCRIPT % b"se_atten")
    changes = {"training_finetune_model": ["pre.pb"] * 4, DESCRIPTOR: descriptor}
    assert 'fine-tunes "se_atten" descriptors only, not "se_e2_a"' in error_of(root, changes)
    (root / "pre.pb").write_bytes(PB + SCRIPT % b"se_e2_a")
    changes[DESCRIPTOR] = ATTENTION
    assert 'was trained with the descriptor "se_e2_a"' in error_of(root, changes)
    (root / "pre.pb").write_bytes(PB.replace(b"training_script", b"other"))
    assert "holds no training script" in error_of(root, changes)


ANGLES = {"type": "se_e3", "rcut": 4.0, "rcut_smth": 0.5, "sel": [20, 20], "neuron": [4, 8]}
PAIRS = {"type": "se_e2_r", "rcut": 4.0, "rcut_smth": 0.5, "sel": [20, 20]}
REPINIT = {"rcut": 4.0, "rcut_smth": 0.5, "nsel": 20}
REPFORMER = {"rcut": 3.0, "rcut_smth": 0.5, "nsel": 10}


@pytest.mark.parametrize(
    ("backend", "descriptor", "words"),
    [
        ("pytorch", {"type": "dpa3"}, "dp_compress = true; must be false: DeePMD-kit compresses"),
        (
            "pytorch",
            {"type": "dpa2", "repformer": REPFORMER, "repinit": REPINIT},
            "descriptor.repinit.tebd_input_mode",
        ),
        (
            "pytorch",
            {
                "type": "dpa2",
                "repformer": REPFORMER,
                "repinit": REPINIT | {"tebd_input_mode": "strip"},
            },
            None,
        ),
        ("pytorch", ATTENTION, 'descriptor.tebd_input_mode = "concat"; must be "strip"'),
        ("pytorch", ATTENTION | {"tebd_input_mode": "strip"}, None),
        ("pytorch", ATTENTION | {"type": "se_atten_v2"}, None),
        ("tensorflow", ATTENTION | {"tebd_input_mode": "strip"}, "attn_layer = 2; must be 0"),
        ("tensorflow", ATTENTION | {"tebd_input_mode": "strip", "attn_layer": 0}, None),
        ("tensorflow", {"resnet_dt": True}, "descriptor.resnet_dt = true; must be false"),
        ("pytorch", {"resnet_dt": True}, None),
        ("tensorflow", ANGLES, 'dp_compress = true; must be false: with "se_e3"'),
        ("tensorflow", {"type": "hybrid", "list": [ANGLES]}, 'must be false: with "se_e3"'),
        ("tensorflow", ANGLES | {"type": "se_t"}, 'must be false: with "se_t"'),
        ("pytorch", ANGLES, None),
        ("tensorflow", {"neuron": [4]}, "descriptor.neuron = [4]; must have two layers or more"),
        ("tensorflow", {"neuron": [4, 4]}, None),
        ("tensorflow", {"type": "hybrid", "list": [{**PAIRS, "neuron": [4]}]}, "neuron = [4]"),
        ("pytorch", {"neuron": [4]}, None),
        ("tensorflow", {"activation_function": "silu"}, 'activation_function = "silu"; must be'),
        ("pytorch", {"activation_function": "silu"}, None),
        ("pytorch", {"activation_function": "silut"}, 'activation_function = "silut"; must be'),
        ("tensorflow", {"activation_function": "GELU"}, None),
    ],
)
def test_what_is_not_compressed_is_told_before_it_is_trained(root, backend, descriptor, words):
    if "type" not in descriptor:
        descriptor = GOOD["default_training_param"]["model"]["descriptor"] | descriptor
    changes = {"train_backend": backend, "dp_compress": True, DESCRIPTOR: descriptor}
    if words is None:
        load(root, changed(changes))
    else:
        assert words in error_of(root, changes)
    if descriptor["type"] != "dpa3":
        load(root, changed({**changes, "dp_compress": False}))


def test_a_type_embedding_is_not_compressed_with_a_plain_descriptor(root):
    changes = {"dp_compress": True, f"{TRAIN}model.type_embedding": {"neuron": [8]}}
    assert 'type_embedding = {"neuron": [8]}; must be left out with "se_e2_a"' in error_of(
        root, changes
    )
    load(root, changed({**changes, "dp_compress": False}))
    strip = ATTENTION | {"tebd_input_mode": "strip", "attn_layer": 0}
    load(root, changed({**changes, DESCRIPTOR: strip}))


def test_a_pretrained_model_that_is_forgotten_is_told(root):
    """DP-GEN's second iteration begins with random numbers, unless it is told otherwise."""
    (root / "pre.pb").write_bytes(PB + SCRIPT % b"se_atten")
    changes = {"training_finetune_model": ["pre.pb"] * 4, DESCRIPTOR: ATTENTION}
    (line,) = [one for one in load(root, changed(changes)).warnings if "finetune" in one]
    assert "only the training of iteration 0 begins with these models" in line
    assert 'with "training_reuse_iter": 1 it goes on from them' in line
    for more in ({"training_reuse_iter": 1}, {"model_devi_jobs": []}):
        found = load(root, changed({**changes, **more})).warnings
        assert not [one for one in found if "finetune" in one]


def test_validation_systems_below_a_folder_travel_whole(root):
    """Each is a link of its own: `dp test` goes through no folder behind a link."""
    from tests.support.params import write_system

    write_system(root / "data/many/a", ["O", "H"], [1.0])
    write_system(root / "data/many/deep/b", ["O", "H"], [2.0])
    (root / "data/many/deep/b/nopbc").touch()
    context = context_of(root, validation_data_sys=["many", "validation"])
    train.prepare(context, 0)
    made = json.loads((context.paths.model(0, 0) / paths.TRAIN_INPUT).read_text())["training"]
    assert made["validation_data"]["systems"] == [f"../data.valid/{n:03d}" for n in range(3)]
    common = train.tasks(context, 0)[1]
    assert "data.valid/001/nopbc" in common and "data.valid/001/set.000" in common
    assert (context.paths.train(0) / "data.valid/001").resolve() == root / "data/many/deep/b"


def test_errors_are_input_errors(root):
    with pytest.raises(InputError) as caught:
        load(root, changed({f"{DESCRIPTOR}.type": "se_e2a"}), check_files=False)
    assert caught.value.exit_code == 2


def test_dpgen_prepares_a_training_from_data_outside_the_prefix(root, tmp_path_factory):
    from tests.support.params import write_system

    other = tmp_path_factory.mktemp("other") / "iter.000000/02.fp"
    write_system(other / "data.000/H2O1", ["O", "H"], [5.0, 6.0])
    up = Path(*[".."] * len((root / "data").parts[1:]), *other.parts[1:])
    context = context_of(root, init_data_sys=[str(up), "train"])
    train.prepare(context, 0)
    folder = context.paths.model(0, 0)
    made = json.loads((folder / paths.TRAIN_INPUT).read_text())["training"]["training_data"]
    assert len(made["systems"]) == 2 and ".." not in made["systems"][0].removeprefix("../")
    assert all((folder / system / "set.000/coord.npy").is_file() for system in made["systems"])
    common = train.tasks(context, 0)[1]
    assert all((context.paths.train(0) / name).exists() for name in common)
    assert train.frames_before(context, 0) == 3
