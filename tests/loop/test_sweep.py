"""A whole sweep with cheap engines: one start, arms that are ordinary runs, kills, failures."""

import hashlib
import json
import signal
import time

import numpy as np
import pytest

from tests.support import program
from tests.support.browser import look_at
from tests.support.engines import require_engine
from tests.support.loop_runs import Run, job, make_run
from wtemlp.analysis.frames import Decision, load_frames
from wtemlp.records import sweep_record

ARMS = ["g1", "g16", "g16-random"]


class Sweep(Run):
    """A run's folder with a sweep in it."""

    def start(self, *more: str, **environment: str) -> program.Program:
        words = [
            "sweep",
            "param.json",
            "machine.json",
            "--biasfactor",
            "1",
            "16",
            *(more or ("--baseline", "random", "--parallel", "2")),
        ]
        return program.Program(words, self.folder, environment)

    def arm(self, name: str) -> Run:
        return Run(self.folder / "sweep" / name)

    def wait_for(self, process: program.Program, name: str, step: tuple[int, int]) -> None:
        """Wait until an arm has come to a step of an iteration."""
        end = time.monotonic() + 300
        arm = self.arm(name)
        while (arm.state()["iteration"], arm.state()["step"]) < step:
            assert process.poll() is None and time.monotonic() < end, process.communicate()[0]
            time.sleep(0.02)


def make_sweep(folder) -> Sweep:
    return Sweep(make_run(folder, model_devi_jobs=[job()]).folder)


def models(run: Run) -> dict[str, str]:
    """Checksums of the first models."""
    files = sorted(run.folder.glob("iter.000000/00.train/graph.*.pb"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="session")
def swept(tmp_path_factory) -> Sweep:
    """A sweep that nobody disturbed."""
    require_engine("lammps")
    sweep = make_sweep(tmp_path_factory.mktemp("sweep") / "undisturbed")
    sweep.output = sweep.finish()
    return sweep


def test_the_first_training_is_done_once(swept):
    started = models(swept.arm("start"))
    assert len(started) == 4
    for name in ARMS:
        assert models(swept.arm(name)) == started
        # Who has trained has a journal of it.
        folders = (swept.folder / "sweep" / name).glob("iter.*/00.train/dispatch.json")
        assert [file.parent.parent.name for file in folders] == ["iter.000001"]
    assert (swept.folder / "sweep/start/iter.000000/00.train/dispatch.json").exists()


def test_an_arm_is_an_ordinary_run(swept):
    """The same file from nothing, with a training of its own, gives the same to the last bit."""
    fresh = Run(swept.folder / "sweep/fresh")
    fresh.folder.mkdir()
    for name, source in (("param.json", "sweep/g16"), ("machine.json", ".")):
        (fresh.folder / name).write_text((swept.folder / source / name).read_text())
    fresh.finish()
    arm = swept.arm("g16")
    assert fresh.fingerprint() == arm.fingerprint() and len(arm.fingerprint()) > 20
    record = "record.dpgen"
    assert (fresh.folder / record).read_text() == (arm.folder / record).read_text()


def test_arms_explore_alike_and_label_alike(swept):
    tables, summaries = {}, {}
    for name in ARMS:
        folder = swept.folder / "sweep" / name
        tables[name] = load_frames(folder / "iter.000000/01.model_devi/explored.npz")
        summaries[name] = json.loads((folder / "iter.000000/summary.json").read_text())
        assert len(tables[name]) == 2 * 13 and set(tables[name].biasfactor) == {
            1.0 if name == "g1" else 16.0
        }
        assert summaries[name]["labelled"] == 5
    # The same trajectories; only what is picked differs, and what counts it does not.
    deviation, random = (tables[name] for name in ARMS[1:])
    np.testing.assert_array_equal(deviation.max_devi_f, random.max_devi_f)
    np.testing.assert_array_equal(deviation.verdict, random.verdict)
    assert (deviation.decision != random.decision).any()
    for key in ("accurate", "candidate", "failed"):
        assert summaries["g16"][key] == summaries["g16-random"][key]
    assert [summaries[name]["selection"] for name in ARMS] == ["deviation", "deviation", "random"]
    chosen = random.decision == Decision.SELECTED
    assert not set(random.verdict[chosen]) <= {Decision.CANDIDATE}
    labels = swept.folder / "sweep/g16-random/iter.000000/02.fp/labels.json"
    verdicts = {frame["verdict"] for frame in json.loads(labels.read_text())}
    assert verdicts == {Decision(value).name.lower() for value in random.verdict[chosen]}


def test_the_record_and_the_table_name_all_arms(swept):
    record = sweep_record.load(swept.folder / "sweep/sweep.json")
    assert [arm.folder for arm in record.arms] == ARMS and record.labels_per_iteration == 5
    assert "unbiased MD           g1          finished       5  100 -> 100" in swept.output
    assert "compare them with: wtemlp compare sweep" in swept.output
    status = program.run("status", "sweep", cwd=swept.folder, check=True)
    assert "3 of 3 runs finished" in status.stdout


def test_another_parameter_file_is_refused(swept):
    param = swept.folder / "param.json"
    before, kept = param.read_text(), swept.arm("g16").fingerprint()
    param.write_text(json.dumps(json.loads(before) | {"fp_task_max": 6}))
    process = swept.start()
    output = process.communicate(timeout=300)[0]
    param.write_text(before)
    assert process.returncode == 2
    assert output.startswith("wtemlp: param.json: fp_task_max: is not that of the sweep in")
    assert output.count("\n") == 1 and swept.arm("g16").fingerprint() == kept


def test_killed_and_resumed_it_ends_with_the_same_data(swept, tmp_path):
    sweep = make_sweep(tmp_path / "killed")
    # Ended as by Ctrl-C: its runs end, too.
    process = sweep.start(CHEAP_ENGINE_SLEEP="2")
    sweep.wait_for(process, "start", (0, 1))
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert "interrupted" in process.communicate(timeout=120)[0] and process.returncode == 130
    # Killed: its runs go on, and are found by the next call while they do.
    process = sweep.start(CHEAP_ENGINE_SLEEP="6")
    sweep.wait_for(process, "g16", (0, 4))
    process.kill()
    process.communicate()
    assert "g16: iteration 0 of 1: explore" in sweep.finish()
    said = (sweep.folder / "sweep/g16/wtemlp.out").read_text()
    assert said.count("going on in iteration") == 1  # watched, and not begun again
    for name in ARMS:
        assert sweep.arm(name).fingerprint() == swept.arm(name).fingerprint()
    files = [file for file in (sweep.folder / "sweep").glob("g*/*") if file.suffix != ".lock"]
    before = {file: file.stat().st_mtime_ns for file in files}
    sweep.finish()
    assert before == {file: file.stat().st_mtime_ns for file in before}


def test_an_arm_that_fails_is_named_and_the_others_go_on(tmp_path):
    require_engine("lammps")
    sweep = make_sweep(tmp_path / "failing")
    (sweep.folder / "sweep/g16").mkdir(parents=True)
    (sweep.folder / "sweep/g16/param.json").write_text("{")
    process = sweep.start("--seeds", "1")
    output = process.communicate(timeout=600)[0]
    assert process.returncode == 1
    assert "1 of 3 runs have failed:\n  g16: param.json: not valid JSON" in output
    assert "go on with: wtemlp run -C sweep/g16 sweep/g16/param.json machine.json" in output
    assert sweep.arm("g1").state()["finished"] and not sweep.arm("g16").state().get("finished")


def test_three_bias_factors_are_compared_on_a_page(swept, tmp_path):
    """Another bias factor adds a run; the page opens in a browser."""
    before = {name: swept.arm(name).fingerprint() for name in ARMS}
    process = swept.start("--biasfactor", "4", "--baseline", "random:16")
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    assert before == {name: swept.arm(name).fingerprint() for name in ARMS}
    out = tmp_path / "compare"
    compared = program.run("compare", "sweep", "-o", str(out), cwd=swept.folder, check=True)
    assert [word in compared.stdout for word in ("unbiased MD", "g = 4", "g = 16, random")] == [
        True
    ] * 3, compared.stdout
    table = json.loads((out / "table.json").read_text())
    assert [arm["labels"] for arm in table["arms"]] == [[5]] * 4
    drawn = look_at(out / "report.html", tmp_path)
    assert {name.rpartition("-")[0] for name in drawn} >= {"labels", "baselines", "yield", "sigma"}
