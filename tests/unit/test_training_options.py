"""DP-GEN's training options: names, commands and files as DP-GEN has them, but for its bugs."""

import copy
import json
from pathlib import Path

import dpdata
import numpy as np
import pytest

from tests.support.params import GOOD, write_system
from tests.support.trainings import context_of
from wtemlp.core.errors import CalculationError, InputError, MissingEngine, NotRunnable
from wtemlp.core.quiet import without_gpu
from wtemlp.dpgen import adapter
from wtemlp.records.state import RunState, Step
from wtemlp.stages import held_out, train
from wtemlp.workflow.resume import sound_step

MODELS = ["one", "two"]
HYBRID = {
    "type": "hybrid",
    "list": [
        {"type": "se_e2_a", "rcut": 4.0, "rcut_smth": 0.5, "sel": [2, 4]},
        {"type": "se_e2_r", "rcut": 4.0, "rcut_smth": 0.5, "sel": [2, 4]},
    ],
}


def labelled(root: Path, iteration: int, n_frames: int = 3) -> None:
    """Labels of an iteration, and the models that it had."""
    folder = root / f"iter.{iteration:06d}"
    system = dpdata.LabeledSystem(
        data={
            "atom_names": ["O", "H"],
            "atom_numbs": [1, 2],
            "atom_types": np.array([0, 1, 1]),
            "orig": np.zeros(3),
            "cells": np.tile(9 * np.eye(3), (n_frames, 1, 1)),
            "coords": np.zeros((n_frames, 3, 3)),
            "energies": np.zeros(n_frames),
            "forces": np.zeros((n_frames, 3, 3)),
        }
    )
    system.to_deepmd_raw(str(folder / "02.fp/data.000"))
    system.to_deepmd_npy(str(folder / "02.fp/data.000"))
    for model in range(2):
        task = folder / f"00.train/{model:03d}"
        task.mkdir(parents=True, exist_ok=True)
        for name in ("meta", "index", "data-00000-of-00001"):
            (task / f"model.ckpt.{name}").write_text(f"{iteration} {model}")


BACKENDS = {
    "tensorflow": ({}, "", ".pb", ["freeze", "compress"], ".index"),
    "pytorch": ({"train_backend": "pytorch"}, " --pt", ".pth", ["freeze", "compress"], ".pt"),
    "jax": (
        {"train_backend": "jax"},
        " --jax",
        ".savedmodel",
        [
            "freeze -o frozen_model.savedmodel",
            "compress -i frozen_model.savedmodel -o frozen_model_compressed.savedmodel",
        ],
        ".jax",
    ),
    "exportable": (
        {"train_backend": "pt-expt"},
        " --pt-expt",
        ".pt2",
        [
            "freeze -c model.ckpt.pt -o frozen_model.pt2 --lower-kind nlist",
            "compress -i frozen_model.pt2 -o frozen_model_compressed.pt2",
        ],
        ".pt",
    ),
}


@pytest.mark.parametrize("program", ["/opt/dp", "wtemlp dp"])
@pytest.mark.parametrize(
    ("changes", "flag", "suffix", "then", "checkpoint"), BACKENDS.values(), ids=BACKENDS
)
def test_names_of_the_back_ends(root, program, changes, flag, suffix, then, checkpoint):
    """Those that DP-GEN waits for and links, told to the back ends that have others."""
    context = context_of(
        root, program, dp_compress=True, validation_data_sys=["validation"], **changes
    )
    assert context.params.model_suffix == suffix
    train.prepare(context, 0)
    task = train.tasks(context, 0)[0][1]
    frozen = f"frozen_model_compressed{suffix}"
    test = f"test -m {frozen} -s ../data.valid -n 0 -l validation.log -d validation"
    if program != "wtemlp dp":
        commands = " && ".join(
            [*(f"{program}{flag} {words}" for words in then), f"{program} {test}"]
        )
        assert f"then {program}{flag} train input.json; else" in task.command
        assert f" && {commands}; }} > train.log 2>&1 && rm -f validation.f.out" in task.command
    else:
        parts = [f"train input.json", *then]  # noqa: F541
        whole = " + ".join([*(f"{flag} {part}".strip() for part in parts), test])
        assert f"; else wtemlp dp {whole}; fi" in task.command
        assert "train input.json --restart model.ckpt +" in task.command
        assert "/bin/sh" not in task.command
        assert ("&& touch .dpgen_train_complete;" in task.command) == (suffix == ".pt2")
    assert {frozen, f"frozen_model{suffix}", "validation.log"} <= set(task.backward)
    assert "validation.e_peratom.out" in task.logs
    copied = program == "wtemlp dp" and suffix == ".pb"  # by TensorFlow
    assert task.beside == ("wtemlp dp --share" if copied and without_gpu() else "")
    assert any(name.endswith(checkpoint) for name in task.backward)
    for model in range(2):
        (task.folder.parent / f"{model:03d}" / frozen).mkdir()  # as JAX's are
        (task.folder.parent / f"{model:03d}/validation.log").write_text(
            "Energy RMSE/Natoms : 1.0e-03 eV\nForce  RMSE        : 1.0e-01 eV/A\n"
        )
    state = RunState(1, ("O", "H"), 2, (), "p", "m", 1, step=Step.MAKE_EXPLORE)
    assert sound_step(context.paths, state)[0] is Step.MAKE_TRAIN
    train.collect(context, 0)
    assert (task.folder.parent / f"graph.001{suffix}").resolve().name == frozen
    assert sound_step(context.paths, state)[0] is Step.MAKE_EXPLORE


def test_models_are_gone_on_with(root):
    labelled(root, 0)
    context = context_of(
        root,
        "wtemlp dp",
        training_reuse_iter=1,
        training_reuse_numb_steps=50,
        training_reuse_old_ratio=0.9,
        training_reuse_start_lr=1e-4,
        training_reuse_start_pref_e=1,
        training_reuse_start_pref_f=100,
        default_training_param=GOOD["default_training_param"]
        | {"loss": {"type": "ener", "start_pref_e": 0.02, "start_pref_f": 1000}},
    )
    train.prepare(context, 1)
    task = train.tasks(context, 1)[0][1]
    made = json.loads((task.folder / "input.json").read_text())
    training = made["training"]
    assert training["numb_steps"] == 50 and made["learning_rate"]["start_lr"] == 1e-4
    assert made["loss"]["start_pref_e"] == 1 and made["loss"]["start_pref_f"] == 100
    data = training["training_data"]
    assert data["systems"] == ["../data.init/train", "../data.iters/iter.000000/02.fp/data.000"]
    assert data["auto_prob"] == "prob_sys_size; 0:1:0.900000; 1:2:0.100000"
    assert "train input.json --init-model old/model.ckpt +" in task.command
    assert "old/model.ckpt.index" in task.forward
    assert (task.folder / "old/model.ckpt.index").read_text() == "0 1"


def test_an_epoch_is_not_what_reused_models_are_trained_for(root):
    labelled(root, 0)
    training = {"training": {"numb_epoch": 100}}
    for steps in (None, 7):
        context = context_of(
            root,
            training_reuse_iter=1,
            training_reuse_numb_steps=steps,
            default_training_param=GOOD["default_training_param"] | training,
        )
        train.prepare(context, 1)
        made = json.loads((context.paths.model(1, 0) / "input.json").read_text())
        # A batch of each; the old one has a probability of 1/31, so it is seen once in 32 steps.
        assert made["training"]["numb_steps"] == (steps or 3200)


@pytest.mark.parametrize("epochs", [False, True])
def test_all_data_in_one_file(root, epochs):
    labelled(root, 0)
    training = {"numb_epoch": 100} if epochs else {"numb_steps": 200}  # a batch of each system
    context = context_of(
        root,
        one_h5=True,
        default_training_param=GOOD["default_training_param"] | {"training": training},
    )
    train.prepare(context, 1)
    tasks, common = train.tasks(context, 1)
    assert common == ["data.hdf5"] and (context.paths.train(1) / "data.hdf5").is_file()
    made = json.loads((tasks[0].folder / "input.json").read_text())["training"]
    assert all(system.startswith("../data.hdf5#/") for system in made["training_data"]["systems"])
    assert made["numb_steps"] == 200


def test_begin_with_models_that_are_there(root):
    labelled(root, 7)
    (root / "models").symlink_to(root / "iter.000007/00.train")
    keys = {"training_init_model": True, "training_iter0_model_path": ["models/00*"]}
    context = context_of(root, **keys)
    train.prepare(context, 0)
    task = train.tasks(context, 0)[0][1]
    assert "--init-model old/model.ckpt" in task.command
    assert (task.folder / "old/model.ckpt.meta").read_text() == "7 1"
    for paths, words in (
        (["models/000"], "there are 1"),
        (["data", "conf"], "has no model.ckpt*"),
        (..., "training_iter0_model_path is missing"),
    ):
        with pytest.raises(InputError, match=words.replace("*", r"\*")):
            context_of(root, **keys | {"training_iter0_model_path": paths})


@pytest.mark.parametrize(
    ("key", "flag", "more"),
    [
        ("training_init_frozen_model", "--init-frz-model old/init.pb", {}),
        ("training_finetune_model", "--finetune old/init.pth", {"train_backend": "pytorch"}),
    ],
)
def test_begin_with_frozen_models(root, key, flag, more):
    suffix = flag[flag.index(".") :]
    names = [f"{name}{suffix}" for name in MODELS]
    for name in names:
        (root / name).write_text({".pb": "descrpt_attr/", ".pth": "PK"}[suffix] + name)
    context = context_of(root, **more | {key: names})
    train.prepare(context, 0)
    task = train.tasks(context, 0)[0][1]
    assert flag in task.command and f"old/init{suffix}" in task.forward
    assert (task.folder / f"old/init{suffix}").read_text().endswith(names[1])
    with pytest.raises(InputError, match="no such file in"):
        context_of(root, **more | {key: [names[0], f"none{suffix}"]})
    with pytest.raises(NotRunnable, match=r"one per model \(numb_models: 2\)"):
        context_of(root, **more | {key: names[:1]})
    labelled(root, 0)
    train.prepare(context, 1)  # only the first iteration begins with them
    assert "--init" not in train.tasks(context, 1)[0][0].command


def test_models_of_an_iteration_without_training(root):
    """Compressed ones are linked, where DP-GEN links those that are not."""
    labelled(root, 0)
    jobs = copy.deepcopy(GOOD["model_devi_jobs"])
    jobs[0]["sk_tr"] = True
    context = context_of(root, dp_compress=True, model_devi_jobs=jobs)
    for model in range(2):
        for name in ("frozen_model.pb", "frozen_model_compressed.pb"):
            (context.paths.model(0, model) / name).write_text(f"{name} {model}")
    train.prepare(context, 1)
    assert train.tasks(context, 1) == ([], [])
    its = (context.paths.train(1) / "graph.001.pb").read_text()
    assert its == "frozen_model.pb 1"  # the bug
    train.collect(context, 1)
    assert (context.paths.train(1) / "graph.001.pb").read_text() == "frozen_model_compressed.pb 1"
    labelled(root, 1)
    train.prepare(context, 2)
    assert len(train.tasks(context, 2)[0]) == 2


def test_descriptors_of_parts_have_seeds_of_their_own(root):
    data = copy.deepcopy(GOOD["default_training_param"])
    data["model"]["descriptor"] = HYBRID
    context = context_of(root, default_training_param=data)
    train.prepare(context, 0)
    seeds = set()
    for model in range(2):
        made = json.loads((context.paths.model(0, model) / "input.json").read_text())
        seeds |= {part["seed"] for part in made["model"]["descriptor"]["list"]}
    assert len(seeds) == 4
    data["model"]["descriptor"]["list"][1]["sel"] = [3]
    with pytest.raises(InputError, match=r"descriptor\.list\[1\]\.sel = \[3\]; must have one"):
        context_of(root, default_training_param=data)


def test_mixed_types(root):
    """Data in which the atoms' types differ from frame to frame."""
    folder = root / "data/mixed"
    write_system(folder, ["O", "H"])
    (folder / "type.raw").write_text("0\n0\n0\n")
    np.save(folder / "set.000/real_atom_types.npy", np.array([[0, 1, 1]]))
    data = copy.deepcopy(GOOD["default_training_param"])
    data["model"]["descriptor"] = {"type": "se_atten", "rcut": 4.0, "rcut_smth": 0.5, "sel": 20}
    data["training"] = {"numb_epoch": 3, "training_data": {"batch_size": "mixed:4"}}
    context = context_of(root, init_data_sys=["mixed"], default_training_param=data)
    train.prepare(context, 0)
    tasks, common = train.tasks(context, 0)
    made = json.loads((tasks[0].folder / "input.json").read_text())["training"]
    assert made["training_data"]["batch_size"] == "mixed:4" and made["numb_steps"] == 3
    assert "data.init/mixed/set.000" in common and "data.init/mixed/type_map.raw" in common


def test_a_table_for_short_distances(root):
    (root / "tables").mkdir()
    (root / "tables/zbl.txt").write_text("0.1 1 1 1\n")
    functions = [["tanh", "gelu"], ["relu", "tanh"]]
    context = context_of(
        root, srtab_file_path="tables/zbl.txt", model_devi_activation_func=functions
    )
    train.prepare(context, 0)
    task = train.tasks(context, 0)[0][1]
    assert "zbl.txt" in task.forward and (task.folder / "zbl.txt").is_file()
    made = json.loads((task.folder / "input.json").read_text())["model"]
    assert made["descriptor"]["activation_function"] == "relu"
    assert made["fitting_net"]["activation_function"] == "tanh"
    with pytest.raises(InputError, match=r'srtab_file_path = "none"; no such file'):
        context_of(root, srtab_file_path="none")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"train_backend": "torch"},
            'train_backend = "torch"; DP-GEN says: The backend torch is not',
        ),
        ({"model_format": "pth"}, 'model_format = "pth"; DP-GEN says: The model format pth is not'),
        ({"train_backend": "pt-expt", "model_format": "pte"}, "use model_format=pt2"),
        ({"training_init_model": True, "training_init_frozen_model": MODELS}, "mutually exclusive"),
        (
            {"training_init_frozen_model": ["a.pb", "b.pth"]},
            "must have the same non-empty file suffix",
        ),
        ({"training_reuse_iter": 0}, "training_reuse_iter = 0; must be a positive integer"),
        ({"training_reuse_iter": 1, "training_reuse_old_ratio": "aut"}, 'as "auto:10"'),
        ({"training_reuse_iter": 1, "training_reuse_old_ratio": 1.5}, "must be between 0 and 1"),
        ({"training_reuse_iter": 1, "training_reuse_start_lr": 0}, "must be a positive number"),
        ({"model_devi_activation_func": [["tanh", "tanh"]]}, "one per model (numb_models: 2)"),
    ],
)
def test_nonsense_is_told_in_a_line(root, changes, words):
    """What DP-GEN tells in the middle of a run, or not at all."""
    with pytest.raises(NotRunnable) as caught:
        context_of(root, **changes)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("backend", "package"),
    [("pytorch", "torch"), ("pt-expt", "torch"), ("jax", "jax"), ("tensorflow", "tensorflow")],
)
def test_a_back_end_that_is_not_here(root, monkeypatch, backend, package):
    from wtemlp.preflight import installed_engines

    monkeypatch.setattr(installed_engines.lammps_library, "package_folder", lambda name: None)
    context = context_of(root, "wtemlp dp", train_backend=backend)
    with pytest.raises(MissingEngine, match=f"{package} is not installed on this machine"):
        installed_engines.check_backend(context.params, context.machines)
    context = context_of(root, "/opt/dp", train_backend=backend)
    installed_engines.check_backend(context.params, context.machines)


def test_only_the_back_end_that_trains_must_be_here(root, monkeypatch):
    """A machine with PyTorch alone needs no TensorFlow."""
    from wtemlp.preflight import installed_engines

    monkeypatch.setattr(
        installed_engines.lammps_library,
        "package_folder",
        lambda name: None if name == "tensorflow" else root,
    )
    context = context_of(root, "wtemlp dp", train_backend="pytorch")
    installed_engines.check_backend(context.params, context.machines)
    with pytest.raises(MissingEngine, match="train_backend: tensorflow: tensorflow is not"):
        usual = context_of(root, "wtemlp dp")
        installed_engines.check_backend(usual.params, usual.machines)


def test_cuda_for_the_walkers_of_pytorch(root, monkeypatch, tmp_path):
    """LAMMPS crashes without it, and says nothing."""
    from wtemlp.preflight import installed_engines

    library = installed_engines.lammps_library
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libdeepmd_dyn_cudart.so").touch()
    (tmp_path / "cuda_runtime/lib").mkdir(parents=True)
    monkeypatch.setattr(library, "deepmd_plugin_folder", lambda: tmp_path / "lib")
    monkeypatch.setattr(library, "package_folder", lambda name: tmp_path)
    monkeypatch.setattr(library, "CUDA_RUNTIME", "libcudart.so.none")
    for command, backend, refused in (
        ("wtemlp lmp", "pytorch", True),
        ("wtemlp lmp", "tensorflow", False),
        ("/opt/lmp", "pytorch", False),
    ):
        context = context_of(root, command, train_backend=backend)
        if refused:
            with pytest.raises(MissingEngine, match="pip install nvidia-cuda-runtime-cu12"):
                installed_engines.check_walkers_libraries(context.params, context.machines)
        else:
            installed_engines.check_walkers_libraries(context.params, context.machines)
    (tmp_path / "cuda_runtime/lib/libcudart.so.none").touch()
    context = context_of(root, "wtemlp lmp", train_backend="pytorch")
    installed_engines.check_walkers_libraries(context.params, context.machines)


def test_what_is_prepared_is_dpgens(root, tmp_path_factory):
    """The same input but for the validation data, from the same seed."""
    labelled(root, 0)
    keys = {
        "training_reuse_iter": 1,
        "training_reuse_old_ratio": "auto:5",
        "default_training_param": GOOD["default_training_param"],
    }
    context = context_of(root, **keys)
    train.prepare(context, 1)
    other = tmp_path_factory.mktemp("dpgen")
    for name in ("data", "conf", "iter.000000"):
        (other / name).symlink_to(root / name)
    with adapter.run_folder(other, context.seed("train", 1)) as generator:
        generator.make_train(
            1, copy.deepcopy(dict(context.params.jdata)), {"deepmd_version": "3.2.0"}
        )
    for model in range(2):
        ours, its = (
            json.loads((folder / f"iter.000001/00.train/{model:03d}/input.json").read_text())
            for folder in (root, other)
        )
        assert ours == its


def test_energies_of_the_test_are_kept_without_the_offset_of_each_composition(tmp_path):
    """As `dp test` writes them, a table a system; one that cannot be seen stands for itself."""
    for name, types in (("water", "0 0 1"), ("again", "1 0 0"), ("gas", "0 1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "type.raw").write_text(types.replace(" ", "\n"))
    (tmp_path / held_out.LOG).write_text(
        "Energy RMSE/Natoms : 5.0e-02 eV\nForce  RMSE        : 1.0e-01 eV/A\n"
    )
    shift = {"water": 0.1, "again": 0.1, "gas": -0.3, "files.hdf5#/one": 0.7}
    text = "".join(
        f"# {name}: data_e pred_e\n"
        + "".join(f"{u:.6f} {u + offset + 1e-3 * (-1) ** k:.6f}\n" for k, u in enumerate((1, 2, 3)))
        for name, offset in shift.items()
    )
    assert "energy_offset_meV_atom" not in held_out.read_errors(tmp_path)  # an earlier version's
    (tmp_path / held_out.ENERGIES).write_text(text)
    found = held_out.read_errors(tmp_path)
    assert found["energy_rmse_meV_atom"] == 50  # as it is
    # 4 times +1, -1, +1 meV/atom, of a mean of 1/3, in three compositions: sqrt(4 (8/3) / (12 - 3))
    assert found["energy_rmse_shifted_meV_atom"] == pytest.approx((32 / 27) ** 0.5, rel=1e-3)
    assert found["energy_offset_meV_atom"] == pytest.approx(1e3 * 0.6 / 4 + 1 / 3, rel=1e-6)
    assert 0 < found["energy_one_minus_r"] < 1e-4
    (tmp_path / held_out.ENERGIES).write_text("# a: data_e pred_e\n1 2\n3")
    with pytest.raises(CalculationError, match="cannot be read"):
        held_out.read_errors(tmp_path)
