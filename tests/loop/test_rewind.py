"""A run taken back: redone it is as if it had never gone further, and nothing is lost."""

import json
import shlex
import shutil

import numpy as np
import pytest

from tests.support import program
from tests.support.loop_runs import make_run
from tests.support.loop_state import files, killed, set_state
from wtemlp.core.paths import RunPaths
from wtemlp.records import rewinds
from wtemlp.records import state as states
from wtemlp.records.state import Step
from wtemlp.records.summary import read_summary
from wtemlp.workflow import rewind


def wtemlp(run, *words, **more):
    return program.run(*words, cwd=run.folder, **more)


@pytest.mark.parametrize("to", ["0", "1", "1.explore", "1.label", "2.train"])
def test_redone_the_run_is_the_same(undisturbed, copied, to):
    before = files(copied.folder)
    dry = wtemlp(copied, "rewind", to)
    assert dry.returncode == 0 and "nothing is done yet" in dry.stdout
    assert files(copied.folder) == before
    done = wtemlp(copied, *shlex.split(dry.stdout.splitlines()[-1].split(": ")[-1])[1:])
    assert done.returncode == 0, done.stderr
    # Nothing is lost: each file is where it was, or aside.
    aside = files(copied.folder / "rewound/000")
    now = files(copied.folder) | aside
    assert [name for name in before if name not in now] == []
    assert all(aside[name] == before[name] for name in aside if name in before)
    status = wtemlp(copied, "status").stdout
    assert (
        "\nfinished: " not in status and "go on with: wtemlp run param.json machine.json" in status
    )
    copied.finish()
    assert copied.fingerprint() == undisturbed.fingerprint()
    assert (copied.folder / "record.dpgen").read_text() == (
        undisturbed.folder / "record.dpgen"
    ).read_text()
    # All but where the data are: one is a copy in another folder.
    elsewhere = {"init_data": None}
    assert copied.state() | elsewhere == undisturbed.state() | elsewhere
    for index in range(3):
        kept = [RunPaths(run.folder).parameters(index).read_text() for run in (copied, undisturbed)]
        assert kept[0] == kept[1]
        new, old = (
            vars(read_summary(RunPaths(run.folder).summary(index))) for run in (copied, undisturbed)
        )
        times = ("seconds", "core_hours", "gpu_hours", "waited", "disk_MB")
        assert {k: v for k, v in new.items() if k not in times} == {
            k: v for k, v in old.items() if k not in times
        }


@pytest.mark.parametrize("after", range(6))
def test_killed_in_the_middle_nothing_is_lost(undisturbed, copied, after):
    """Killed at each of its renames and writes; the next run finishes it."""
    before = files(copied.folder)
    places = [(rewind.Path, "rename"), (rewind.Path, "unlink"), (rewinds, "write_json")]
    places += [(states, "save"), (states, "record_cut")]
    assert killed(
        after,
        places,
        lambda: rewind.rewind_run(copied.folder, "1.explore", lambda: None, dry=False),
    )
    now = files(copied.folder) | files(copied.folder / "rewound/000")
    assert [name for name in before if name not in now] == []
    if after:
        assert "a rewind to iteration 1, make explore was interrupted" in (
            wtemlp(copied, "status").stdout
        )
        output = copied.finish()
        assert "had been interrupted: it is finished now" in output
    else:
        assert wtemlp(copied, "rewind", "1.explore", "--yes").returncode == 0
        copied.finish()
    assert copied.fingerprint() == undisturbed.fingerprint()


@pytest.mark.parametrize("to", ["1.label", "2.explore", "x", "1.select", "-1"])
def test_what_the_run_has_not_come_to_is_refused(copied, to):
    set_state(copied, iteration=1, step=int(Step.MAKE_EXPLORE), finished="")
    done = wtemlp(copied, "rewind", to, "--yes")
    assert done.returncode == 2, done.stdout
    assert not (copied.folder / "rewound").exists()


def test_an_iteration_that_a_user_removes_is_made_again(undisturbed, copied):
    shutil.rmtree(copied.folder / "iter.000001")
    output = copied.finish()
    assert (
        "iter.000001 has gone: the run goes back to iteration 1, make train; what comes after is "
        "in rewound/000"
    ) in output
    assert copied.fingerprint() == undisturbed.fingerprint()
    assert (copied.folder / "rewound/000/iter.000002/00.train/graph.000.pb").is_symlink()


def test_the_last_models_that_a_user_removes_are_trained_again(undisturbed, copied):
    shutil.rmtree(copied.folder / "iter.000002/00.train")
    assert "iter.000002/00.train has gone: the run goes back" in copied.finish()
    assert copied.fingerprint() == undisturbed.fingerprint()


@pytest.mark.parametrize(("last", "where"), [("0 8", "1, make train"), ("1 2", "1, make explore")])
def test_a_record_that_a_user_cuts_takes_the_run_back(undisturbed, copied, last, where):
    record = copied.folder / "record.dpgen"
    lines = record.read_text().split("\n")
    record.write_text("\n".join(lines[: lines.index(last) + 1]) + "\n")
    said = copied.finish()
    iteration, step = last.split()
    words = Step(int(step)).words
    assert f"record.dpgen ends with iteration {iteration}, {words}: the run goes back to" in said
    assert f"iteration {where}" in said
    assert copied.fingerprint() == undisturbed.fingerprint()


def test_changed_data_are_noticed_and_the_offer_trains_on_them(undisturbed, copied):
    set_state(copied, iteration=1, step=int(Step.MAKE_EXPLORE), finished="")
    for name in ("iter.000002", "iter.000001/01.model_devi", "iter.000001/02.fp"):
        shutil.rmtree(copied.folder / name)
    energy = copied.folder / "data/train/set.000/energy.npy"

    np.save(energy, np.load(energy) + 1)
    param = json.loads((copied.folder / "param.json").read_text())
    param["default_training_param"]["training"]["numb_steps"] = 30
    (copied.folder / "param.json").write_text(json.dumps(param))
    shutil.copytree(copied.folder, copied.folder.with_name("other"), symlinks=True)
    said = copied.finish()
    assert (
        "the models of iteration 1 know nothing of what has changed since (the data data/train, "
        "default_training_param.training.numb_steps)"
    ) in said
    assert said.count("know nothing of") == 1
    other = type(copied)(copied.folder.with_name("other"))
    offered = "rewind 1.train"
    assert offered in said
    assert wtemlp(other, *offered.split(), "--yes").returncode == 0
    assert "know nothing of" not in other.finish()
    first = "iter.000001/00.train/graph.000.pb"
    assert (other.folder / first).read_text() != (copied.folder / first).read_text()


def test_the_remedy_of_walkers_that_were_all_stopped_trains_again(tmp_path):
    run = make_run(tmp_path / "lost")
    process = run.start(CHEAP_ENGINE_STOPS="1")
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 1
    assert "train on them with: wtemlp rewind 0.train" in output
    models = (run.folder / "iter.000000/00.train/000/input.json").read_text()
    param = json.loads((run.folder / "param.json").read_text())
    param["default_training_param"]["training"]["numb_steps"] = 40
    (run.folder / "param.json").write_text(json.dumps(param))
    assert wtemlp(run, "rewind", "0.train", "--yes").returncode == 0
    run.finish()
    assert (run.folder / "iter.000000/00.train/000/input.json").read_text() != models
