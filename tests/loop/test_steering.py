"""A run that is told to stop, and a model that is trained again with another seed."""

import json
import shlex
import shutil

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


def wtemlp(run, *words):
    return program.run(*words, cwd=run.folder)


def seeds(run, iteration):
    """The seed of each training."""
    found = []
    for model in range(4):
        file = run.folder / f"iter.{iteration:06d}/00.train/{model:03d}/input.json"
        found.append(json.loads(file.read_text())["training"]["seed"])
    return found


def bad(run, *training_seeds):
    """Have the models of some seeds be bad ones."""
    machine = json.loads((run.folder / "machine.json").read_text())
    names = " ".join(map(str, training_seeds))
    machine["train"]["resources"]["envs"] = {"CHEAP_ENGINE_BAD_SEEDS": names}
    (run.folder / "machine.json").write_text(json.dumps(machine))


def commands(text):
    """The commands that a message prints."""
    return [part.split(";")[0].split() for part in text.split("wtemlp ")[1:]]


def test_a_run_that_gets_worse_is_stopped_and_goes_on_when_told(undisturbed, tmp_path):
    run = make_run(tmp_path / "worse", stop_on=["worse", "new labels worse"])
    bad(run, *seeds(undisturbed, 1))
    process = run.start()
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 1
    last = output.strip().splitlines()[-1]
    assert "iteration 1: the run gets worse: errors on the validation data grew" in last
    assert "of forces from 100 to 1e+03 meV/A; likely causes: trainings too short" in last
    assert 'stop_on names "worse"' in last
    assert "rewind 1.train" in last and last.endswith("run param.json machine.json --go-on")
    assert run.state()["iteration"] == 1 and not (run.folder / "iter.000001/01.model_devi").exists()

    # The same command does not go on by itself.
    before = files(run.folder)
    again = wtemlp(run, "run", "param.json", "machine.json")
    assert again.returncode == 1 and "the run gets worse" in again.stderr
    assert files(run.folder) == before
    dry = wtemlp(run, "run", "--dry-run", "param.json", "machine.json").stdout
    assert "it would be stopped, unless with --go-on: warning: iteration 1: the run gets" in dry
    assert "the run gets worse" in wtemlp(run, "status").stdout

    step = wtemlp(run, "step", "--go-on", "param.json", "machine.json")
    assert step.returncode == 0, step.stderr
    # Having been told once is enough.
    done = wtemlp(run, "run", "param.json", "machine.json")
    assert done.returncode == 0, done.stderr
    assert run.fingerprint() == undisturbed.fingerprint()


def test_what_is_gone_back_from_is_no_longer_accepted(undisturbed, tmp_path):
    run = make_run(tmp_path / "back", stop_on=["worse"])
    bad(run, *seeds(undisturbed, 1))
    assert wtemlp(run, "run", "param.json", "machine.json").returncode == 1
    assert wtemlp(run, "step", "--go-on", "param.json", "machine.json").returncode == 0
    assert run.state()["accepted"] == [["worse", 1]]
    assert wtemlp(run, "rewind", "1.train", "--yes").returncode == 0
    assert run.state()["accepted"] == []
    assert wtemlp(run, "run", "param.json", "machine.json").returncode == 1
    bad(run)
    assert wtemlp(run, "rewind", "1.train", "--yes").returncode == 0
    run.finish()
    assert run.fingerprint() == undisturbed.fingerprint()


def test_off_nothing_stops(undisturbed, tmp_path):
    run = make_run(tmp_path / "off")
    bad(run, *seeds(undisturbed, 1))
    assert "warning: iteration 1: the run gets worse" in run.finish()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["worst"], 'param.json: stop_on[0] = "worst"; must be "worse", '),
        (["worse", "worse"], "is given twice"),
    ],
)
def test_an_unknown_word_is_refused(tmp_path, given, words):
    run = make_run(tmp_path / "word", stop_on=given)
    done = wtemlp(run, "run", "param.json", "machine.json")
    assert done.returncode == 2 and words in done.stderr
    assert not (run.folder / "wtemlp.json").exists()


@pytest.fixture
def unlike(undisturbed, tmp_path):
    """A run that has stopped, as model 2 of iteration 1 is unlike its siblings."""
    run = make_run(tmp_path / "unlike", stop_on=["sibling"])
    bad(run, seeds(undisturbed, 1)[2])
    process = run.start()
    run.output = process.communicate(timeout=300)[0]
    assert process.returncode == 1
    return run


def test_a_model_unlike_its_siblings_is_trained_again_as_the_finding_says(undisturbed, unlike):
    assert "model 2 trained unlike its siblings: 1e+03 meV/A beside 100 to 100" in unlike.output
    remedy = next(
        one for one in commands(unlike.output.strip().splitlines()[-1]) if one[0] == "rewind"
    )
    assert remedy == ["rewind", "1.train", "--model", "2"]
    before = files(unlike.folder)
    dry = wtemlp(unlike, *remedy)
    assert dry.returncode == 0 and "nothing is done yet" in dry.stdout, dry.stderr
    assert files(unlike.folder) == before
    done = wtemlp(unlike, *shlex.split(dry.stdout.splitlines()[-1].split(": ")[-1])[1:])
    assert done.returncode == 0, done.stderr
    own = "iter.000001/00.train/002/"
    old = files(unlike.folder / "rewound/000" / own)
    assert {own + name: content for name, content in old.items()} == {
        name: content for name, content in before.items() if name.startswith(own)
    }

    output = unlike.finish()
    assert "trained unlike" not in output
    same = [True, True, False, True]
    pairs = zip(seeds(undisturbed, 1), seeds(unlike, 1), strict=True)
    assert [a == b for a, b in pairs] == same
    mine, theirs = unlike.fingerprint(), undisturbed.fingerprint()
    models = [f"iter.000001/00.train/graph.{k:03d}.pb" for k in range(4)]
    assert [mine[name] == theirs[name] for name in models] == same
    times = [f"iter.000001/00.train/{k:03d}/.wtemlp.times" for k in range(4)]
    now = files(unlike.folder)
    assert [now[name] == before[name] for name in times] == same  # the others were not run again
    errors = read_summary(RunPaths(unlike.folder).summary(1)).force_rmse_models
    assert errors == pytest.approx([100] * 4)
    assert not list(unlike.folder.glob("iter.*/00.train/*/new_labels.f.out"))
    assert "model 2 of iteration 1" in (unlike.folder / "report.html").read_text()


def test_its_new_seed_stays_when_the_training_is_prepared_again(unlike):
    assert wtemlp(unlike, "rewind", "1.train", "--model", "2", "--yes").returncode == 0
    new = seeds(unlike, 1)
    (unlike.folder / "iter.000001/00.train/001/input.json").unlink()
    assert "input.json has gone: going back" in unlike.finish()
    assert seeds(unlike, 1) == new
    # Once more is yet another seed; a rewind of the whole training has its first one again.
    assert wtemlp(unlike, "rewind", "1.train", "--model", "2", "--yes").returncode == 0
    assert seeds(unlike, 1)[2] != new[2] and unlike.state()["retrained"] == [[1, 2]] * 2
    assert wtemlp(unlike, "rewind", "1.train", "--yes").returncode == 0
    assert unlike.state()["retrained"] == []


@pytest.mark.parametrize("after", range(8))
def test_killed_in_the_middle_it_is_trained_again_once(undisturbed, copied, after):
    """Killed at each of its renames and writes: the next run finishes it."""
    places = [(rewind.Path, "rename"), (rewind.Path, "unlink"), (rewinds, "write_json")]
    places += [(rewind.retraining, "write_json"), (states, "save"), (states, "record_cut")]
    was = killed(
        after,
        places,
        lambda: rewind.rewind_run(copied.folder, "2.train", lambda: None, dry=False, model=1),
    )
    if not after:
        assert was and copied.state()["retrained"] == []
        return
    copied.finish()
    assert copied.state()["retrained"] == [[2, 1]] and copied.state()["finished"]
    pairs = zip(seeds(undisturbed, 2), seeds(copied, 2), strict=True)
    assert [a == b for a, b in pairs] == [True, False, True, True]
    old = copied.folder / "rewound/000/iter.000002/00.train/001/input.json"
    assert json.loads(old.read_text())["training"]["seed"] == seeds(undisturbed, 2)[1]


@pytest.mark.parametrize(
    "words", [("1.explore", "--model", "1"), ("1.train", "--model", "4"), ("3", "--model", "0")]
)
def test_what_is_no_training_is_refused(copied, words):
    done = wtemlp(copied, "rewind", *words, "--yes")
    assert done.returncode == 2, done.stdout
    assert not (copied.folder / "rewound").exists()


def test_an_edit_that_comes_too_late_is_told(undisturbed, copied):
    set_state(copied, iteration=1, step=int(Step.MAKE_EXPLORE), finished="")
    for name in ("iter.000002", "iter.000001/01.model_devi", "iter.000001/02.fp"):
        shutil.rmtree(copied.folder / name)
    param = json.loads((copied.folder / "param.json").read_text())
    param["model_devi_jobs"][0] |= {"nsteps": 600, "_why": "longer"}
    param["model_devi_jobs"][1] |= {"_why": "a comment"}
    (copied.folder / "param.json").write_text(json.dumps(param))
    said = copied.finish()
    (line,) = [one for one in said.splitlines() if "which changes nothing now" in one]
    assert "model_devi_jobs[0] has changed since iteration 0 explored with it" in line
    assert line.endswith("to explore anew, before this command: wtemlp rewind 0.explore")
    assert copied.fingerprint() == undisturbed.fingerprint()
    assert wtemlp(copied, *line.split(": wtemlp ")[-1].split(), "--yes").returncode == 0
    assert copied.state()["step"] == int(Step.MAKE_EXPLORE) and copied.state()["iteration"] == 0


def test_a_finished_run_says_how_it_explores_further(undisturbed, copied):
    further = "append an entry to model_devi_jobs and give the same command"
    assert further in (undisturbed.folder / "said.txt").read_text()
    assert further in wtemlp(copied, "status").stdout


def test_quiet_it_prints_nothing(copied):
    done = wtemlp(copied, "run", "-q", "param.json", "machine.json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    again = wtemlp(copied, "run", "-q", "missing.json", "machine.json")
    assert again.returncode == 2 and "missing.json" in again.stderr
