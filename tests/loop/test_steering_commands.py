"""Commands that look at a run, do a stage of it, or clean up after it; and its log."""

import json
from pathlib import Path

import pytest

from tests.support import program
from tests.support.loop_runs import make_run
from tests.support.loop_state import set_state
from wtemlp.records.state import Step

FILES = ("param.json", "machine.json")


def wtemlp(run, *words):
    return program.run(*words, cwd=run.folder)


def test_stages_done_one_by_one_are_the_run(undisturbed, tmp_path):
    run = make_run(tmp_path / "steps")
    seen = []
    for _ in range(20):
        done = wtemlp(run, "step", "param.json", "machine.json")
        assert done.returncode == 0, done.stderr
        state = run.state()
        seen.append((state["iteration"], state["step"]))
        if state["finished"]:
            break
        words = Step(state["step"]).words
        assert f"stopped before iteration {state['iteration']}, {words}" in done.stdout
        assert "finished (" not in done.stdout
    starts = (Step.MAKE_EXPLORE, Step.MAKE_LABEL, Step.RUN_LABEL, Step.MAKE_TRAIN)
    assert seen == [(i + (s == 0), s) for i in range(2) for s in starts] + [(2, Step.POST_TRAIN)]
    assert run.fingerprint() == undisturbed.fingerprint()


def test_the_log_tells_the_whole_story(undisturbed):
    text = (undisturbed.folder / "wtemlp.log").read_text()
    said = [line[20:] for line in (undisturbed.folder / "said.txt").read_text().splitlines()]
    told = [line for line in said if line.startswith(("iteration ", "finished", "report:"))]
    assert len(told) > 20 and all(line in text for line in told)
    assert "run param.json machine.json begins" in text and "run has ended" in text


def test_status_as_json(copied):
    found = json.loads(wtemlp(copied, "status", "--json").stdout)
    assert found["state"]["finished"] and found["seconds_left"] is None
    assert [row["iteration"] for row in found["iterations"]] == [0, 1, 2]
    assert found["iterations"][0]["new_labels"]["frames"] == 5
    set_state(copied, iteration=1, step=int(Step.RUN_EXPLORE), finished="")
    found = json.loads(wtemlp(copied, "status", "--json").stdout)
    assert found["state"]["step"] == "run_explore" and found["jobs"] == []
    assert found["folder"].endswith("iter.000001/01.model_devi")
    first = found["iterations"][0]["seconds"]
    left = first["explore"] + first["label"] + first["train"]
    assert found["seconds_left"] == pytest.approx(left)
    sizes = [row["disk_MB"] for row in found["iterations"]]
    own = sum(f.lstat().st_size for f in copied.folder.glob("iter.000000/**/*") if f.is_file())
    assert sizes[2] is None and sizes[0] == pytest.approx(own / 1e6, rel=0.1)
    text = wtemlp(copied, "status").stdout
    assert f"disk: {sum(sizes[:2]):.1f} MB in 2 iterations; what can go tells: wtemlp clean" in text
    assert "in iter.000001/01.model_devi; log: wtemlp.log" in text and "to the end, if" in text


def test_status_as_json_where_dpgen_has_run(copied):
    """Whether wtemlp has been there before, or not."""
    came = {"iteration": 2, "step": "post_train"}
    record = copied.folder / "record.dpgen"
    recorded = record.read_text()
    set_state(copied, iteration=1, step=int(Step.RUN_EXPLORE), finished="")
    record.write_text(recorded)
    found = json.loads(wtemlp(copied, "status", "--json").stdout)
    assert found["dpgen"] == came and found["state"]["iteration"] == 1
    for name in ("wtemlp.json", "wtemlp.live.json"):
        (copied.folder / name).unlink()
    found = json.loads(wtemlp(copied, "status", "--json").stdout)
    assert found["dpgen"] == came and found["state"] is None
    assert found["lines"] == wtemlp(copied, "status").stdout.splitlines()
    assert found["lines"][0].endswith(": iteration 2, post train is done")
    record.unlink()
    assert wtemlp(copied, "status", "--json").returncode == 2


def test_status_names_the_jobs(copied):
    set_state(copied, iteration=1, step=int(Step.RUN_LABEL), finished="")
    journal = copied.folder / "iter.000001/02.fp/dispatch.json"
    jobs = {"a": {"tasks": ["batch.000.000"], "queue_id": "4711", "where": "Slurm"}}
    journal.write_text(json.dumps(json.loads(journal.read_text()) | {"jobs": jobs}))
    (job,) = json.loads(wtemlp(copied, "status", "--json").stdout)["jobs"]
    assert job == {"id": "4711", "where": "Slurm", "tasks": ["batch.000.000"]}
    assert "in iter.000001/02.fp; jobs 4711 (1 tasks); log: wtemlp.log" in (
        wtemlp(copied, "status").stdout
    )


def test_status_names_what_is_left_elsewhere(copied):
    """A stage that went on without some of its tasks keeps its folder there, to be looked at."""
    journal = copied.folder / "iter.000000/01.model_devi/dispatch.json"
    content = json.loads(journal.read_text())
    failed = {"task.000.000001": "task.000.000001 failed"}
    here = {"uploaded": "Shell", "failed": failed, "identity": "abc123"}
    journal.write_text(json.dumps(content | here))
    assert json.loads(wtemlp(copied, "status", "--json").stdout)["left"] == []
    journal.write_text(json.dumps(content | here | {"uploaded": "Slurm on cluster"}))
    (left,) = json.loads(wtemlp(copied, "status", "--json").stdout)["left"]
    assert (left["stage"], left["failed"]) == ("iter.000000/01.model_devi", 1)
    said = "left on Slurm on cluster: abc123 (iter.000000/01.model_devi; 1 of its tasks failed)"
    assert said in wtemlp(copied, "status").stdout


def test_check_as_json(copied):
    done = wtemlp(copied, "check", "--json", "param.json", "machine.json")
    found = json.loads(done.stdout)
    assert found["exit_code"] == done.returncode == 0
    assert {one["level"] for one in found["findings"]} <= {"ok", "warning"}


def test_a_rehearsal_writes_nothing(copied, tmp_path):
    fresh = make_run(tmp_path / "fresh")
    before = sorted(fresh.folder.rglob("*"))
    done = wtemlp(fresh, "run", "--dry-run", "param.json", "machine.json")
    assert done.returncode == 0 and sorted(fresh.folder.rglob("*")) == before
    assert done.stdout.splitlines()[:4] == [
        "it would begin: iteration 0, make train",
        "iteration 0: 4 trainings",
        "iteration 0: up to 4 walkers of 1200 steps",
        "iteration 0: up to 5 labels (lammps)",
    ]
    assert wtemlp(copied, "run", "--dry-run", "param.json", "machine.json").stdout == (
        "finished: end of model_devi_jobs; to explore further, append an entry to model_devi_jobs "
        "and give the same command\n"
    )
    set_state(copied, iteration=1, step=int(Step.MAKE_LABEL), finished="")
    assert wtemlp(copied, "run", "--dry-run", "param.json", "machine.json").stdout == (
        "it would go on: iteration 1, make label\n"
        "iteration 1: up to 5 labels (lammps)\n"
        "iteration 2: 4 trainings\n"
    )
    found = json.loads(wtemlp(copied, "run", "--dry-run", "--json", *FILES).stdout)
    assert (found["iteration"], found["step"], found["finished"]) == (1, "make_label", "")
    assert found["to_do"] == [
        {"iteration": 1, "stage": "label", "tasks": 5, "reference": "lammps"},
        {"iteration": 2, "stage": "train", "tasks": 4},
    ]
    record = copied.folder / "record.dpgen"
    record.write_text("0 8\n")
    done = wtemlp(copied, "run", "--dry-run", "param.json", "machine.json")
    assert "record.dpgen ends with iteration 0, post label:" in done.stdout
    assert "back to iteration 1, make train" in done.stdout and record.read_text() == "0 8\n"


def test_what_is_done_at_once_is_told_as_json(copied):
    def told(*words):
        done = wtemlp(copied, *words, "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert all(isinstance(line, str) for line in found["lines"])
        return found

    assert told("cancel")["jobs_ended"] == 0
    refused = wtemlp(copied, "run", *FILES, "--json")
    assert refused.returncode == 2 and "--json goes with --dry-run" in refused.stderr
    place = copied.folder / "potential"
    card = json.loads(Path(told("export")["card"]).read_text())
    assert place.is_dir() and card["iteration"] == 2
    dry, done = told("clean"), told("clean", "--yes")
    assert (dry["done"], done["done"]) == (False, True)
    assert {one["kind"] for one in done["places"]} == {"trajectories", "checkpoints"}
    assert dry["places"] == done["places"] and done["bytes"] == sum(
        one["bytes"] for one in done["places"]
    )
    assert not any((copied.folder / one["path"]).exists() for one in done["places"])
    dry, done = told("rewind", "1.label"), told("rewind", "1.label", "--yes")
    assert (dry.pop("done"), done.pop("done")) == (False, True)
    assert dry.pop("lines")[:-1] == done.pop("lines")[:-1]
    moved = ["iter.000001/02.fp", "iter.000002"]
    where = {"iteration": 1, "step": "make_label", "model": None, "aside": "rewound/000"}
    assert dry == done == where | {"moved": moved}
    assert all((copied.folder / "rewound/000" / one).is_dir() for one in moved)


def test_what_is_cleaned_no_later_step_reads(undisturbed, copied):
    dry = wtemlp(copied, "clean")
    assert dry.returncode == 0 and "nothing is removed yet" in dry.stdout
    assert "in 8 places: trajectories" in dry.stdout and "checkpoints of trainings" in dry.stdout
    assert list(copied.folder.glob("iter.000000/01.model_devi/*/all.lammpstrj"))
    assert wtemlp(copied, "clean", "--yes").returncode == 0
    assert not list(copied.folder.glob("iter.*/01.model_devi/*/all.lammpstrj"))
    assert not list(copied.folder.glob("iter.000001/00.train/*/model.ckpt*"))
    assert list(copied.folder.glob("iter.000002/00.train/*/model.ckpt*"))
    assert copied.fingerprint() == undisturbed.fingerprint()
    assert wtemlp(copied, "report").returncode == 0
    assert wtemlp(copied, "export").returncode == 0
    # More jobs go on, and a rewound labelling explores again, as it says.
    assert wtemlp(copied, "rewind", "1.label", "--yes").returncode == 0
    output = copied.finish()
    assert "has gone: going back" in output
    assert copied.fingerprint() == undisturbed.fingerprint()
