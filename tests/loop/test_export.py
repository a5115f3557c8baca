"""The potential of a run in one folder: models, card, data."""

import hashlib
import json
import re
import shutil

import dpdata
import numpy as np
import pytest

from tests.support import program
from tests.support.loop_state import set_state
from wtemlp.core.paths import RunPaths
from wtemlp.records.state import Step


def wtemlp(run, *words):
    return program.run(*words, cwd=run.folder)


@pytest.fixture
def exported(copied):
    done = wtemlp(copied, "export")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"wrote {copied.folder}/potential (see README.md there)\n"
    return copied.folder / "potential"


def test_the_run_tells_how(undisturbed):
    assert (
        "the potential with its card and data: wtemlp export"
        in (undisturbed.folder / "said.txt").read_text()
    )


def test_the_models_are_those_of_the_last_training(exported, copied):
    card = json.loads((exported / "card.json").read_text())
    assert card["iteration"] == 2 and len(card["models"]) == 4
    for name, digest in card["models"].items():
        file = exported / name
        assert not file.is_symlink()
        assert file.read_bytes() == (copied.folder / "iter.000002/00.train" / name).read_bytes()
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest


def test_the_data_are_all_that_was_trained_on_as_one_set(exported, copied):
    (code,) = re.findall(r"```python\nimport dpdata\n(.*?)\n```", read_card(exported), re.S)
    systems = []
    for line in code.splitlines():  # as it is printed, from the potential's folder
        place, form = re.fullmatch(
            r'dpdata.MultiSystems\(\).load_systems_from_file\("(\S+)", fmt="(\S+)"\)', line
        ).groups()
        found = dpdata.MultiSystems()
        found.load_systems_from_file(str(exported / place), fmt=form)
        systems += found.systems.values()
    energies = np.concatenate([one["energies"] for one in systems])
    paths = RunPaths(copied.folder)
    sources = [copied.folder / "data/train", *paths.label(0).glob("data.*/*")]
    sources += paths.label(1).glob("data.*/*")
    trained = [
        np.load(file) for source in sources for file in sorted(source.glob("set.*/energy.npy"))
    ]
    assert sorted(energies) == pytest.approx(sorted(np.concatenate(trained).ravel()))
    card = json.loads((exported / "card.json").read_text())
    assert sum(one["frames"] for one in card["data"]) == len(energies) == 14


def read_card(folder):
    return (folder / "README.md").read_text()


def test_the_card_says_what_it_is(exported):
    text = read_card(exported)
    for words in (
        "# Deep Potential of O H",
        "pair_coeff * * O H",
        "fp_params.cutoff_A = 4.5",
        "Explored at 300 K, bias factors 4, 16 of the well-tempered ensemble",
        "| H54 O27 | 14 |",
        "| 0.998 to 0.998 |",
        "RMSE on the validation data",
        "| labels of iteration 1 | H54 O27 | 5 | yes |",
        "| iteration 1, all | 5 |",
        "clusters, isolated molecules and free surfaces",
        "`wtemlp validate` has not been run on it",
        "seed 7",
    ):
        assert words in text, words


def test_an_earlier_iteration_has_fewer_data(copied):
    assert wtemlp(copied, "export", "--iteration", "1", "-o", "first").returncode == 0
    card = json.loads((copied.folder / "first/card.json").read_text())
    assert card["iteration"] == 1 and sum(one["frames"] for one in card["data"]) == 9


def test_what_is_there_is_replaced_only_if_it_is_a_potential(exported, copied):
    (exported / "old").write_text("")
    assert wtemlp(copied, "export").returncode == 0 and not (exported / "old").exists()
    (copied.folder / "mine").mkdir()
    (copied.folder / "mine/notes").write_text("")
    done = wtemlp(copied, "export", "-o", "mine")
    assert done.returncode == 2 and "is no potential that wtemlp has made" in done.stderr
    assert (copied.folder / "mine/notes").exists()


def test_what_is_damaged_is_no_potential(copied):
    """An empty model, and data that are not those of the training."""
    energies, *_ = RunPaths(copied.folder).label(0).glob("data.*/**/energy.npy")
    sound = energies.read_bytes()
    energies.write_bytes(sound.replace(b"\n", b"\r\n"))
    done = wtemlp(copied, "export")
    assert done.returncode == 2 and "energy.npy is damaged (" in done.stderr
    energies.write_bytes(sound)
    model = RunPaths(copied.folder).train(2) / "graph.001.pb"
    model.resolve().write_bytes(b"")
    done = wtemlp(copied, "export")
    assert done.returncode == 2 and "the file of a model is empty; train again" in done.stderr
    assert not (copied.folder / "potential").exists()


def test_without_a_model_there_is_nothing(copied, tmp_path):
    assert wtemlp(copied, "export", "--iteration", "3").returncode == 2
    set_state(copied, iteration=0, step=int(Step.RUN_TRAIN), finished="")
    done = wtemlp(copied, "export")
    assert done.returncode == 2 and "no training is done" in done.stderr
    shutil.rmtree(copied.folder)
    copied.folder.mkdir()
    done = wtemlp(copied, "export")
    assert done.returncode == 2 and "there is no run here" in done.stderr
