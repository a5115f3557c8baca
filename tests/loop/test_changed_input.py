"""Input that changes while a run goes on: refused, or accepted and recorded."""

import json

from tests.support import program
from tests.support.loop_runs import make_run
from tests.support.loop_state import set_state
from wtemlp.core.paths import RunPaths
from wtemlp.records import inputs, state
from wtemlp.records.pins import differences
from wtemlp.records.state import Step


def change(run, **keys):
    file = run.folder / "param.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | keys))


def wtemlp(run, *words):
    return program.run(*words, cwd=run.folder)


def other_reference(run):
    change(
        run,
        fp_params={"force_field": "tip3p-flexible", "cutoff_A": 4.0, "kspace_accuracy": 1e-4},
    )


def references(run):
    return state.load(RunPaths(run.folder)).references


def test_another_reference_is_refused_with_its_remedy(copied):
    set_state(copied, iteration=1, step=int(Step.MAKE_LABEL), finished="")
    before = (copied.folder / "wtemlp.json").read_bytes()
    other_reference(copied)
    for command in ("run", "check"):
        done = wtemlp(copied, command, "param.json", "machine.json")
        said = done.stderr + done.stdout
        assert done.returncode == 2, said
        assert "param.json: fp_params.cutoff_A: the reference is not the one" in said
        assert "(fp_params.cutoff_A: 4, was 4.5)" in said
        assert "wtemlp run param.json machine.json --new-reference" in said
    assert (copied.folder / "wtemlp.json").read_bytes() == before


def test_the_printed_remedy_goes_on_and_the_mixture_is_recorded(copied):
    set_state(copied, iteration=1, step=int(Step.RUN_LABEL), finished="")
    other_reference(copied)
    done = wtemlp(copied, "run", "param.json", "machine.json", "--new-reference")
    assert done.returncode == 0, done.stderr
    assert "labels from iteration 1 on are of another reference than those before" in done.stdout
    assert "iteration 1: its frames are labelled anew" in done.stdout
    (first, old), (since, new) = references(copied)
    assert (first, since) == (0, 1)
    assert (old["fp_params.cutoff_A"], new["fp_params.cutoff_A"]) == ("4.5", "4")
    labelled = inputs.read(RunPaths(copied.folder), 1)["label"]
    assert dict(labelled.pins) == new
    script = (copied.folder / "iter.000001/02.fp/batch.000.000/in.lammps").read_text()
    assert "lj/cut/coul/long 4\n" in script
    page = (copied.folder / "report.html").read_text()
    assert "from iteration 1 on fp_style lammps" in page and "Changes on the way" in page
    assert "this run is finished" in copied.finish()  # what was accepted is not asked again


def test_before_there_are_labels_the_reference_may_change(tmp_path):
    run = make_run(tmp_path / "early")
    run.kill_at(0, Step.RUN_TRAIN, 0.5, everything=True, sleep_s=20)
    other_reference(run)
    run.finish()
    ((since, pins),) = references(run)
    assert since == 0 and pins["fp_params.cutoff_A"] == "4"


def test_a_file_that_the_reference_names_is_pinned_by_its_content(copied):
    machine = json.loads((copied.folder / "machine.json").read_text())
    machine["fp"]["user_forward_files"] = ["method.py"]
    (copied.folder / "machine.json").write_text(json.dumps(machine))
    (copied.folder / "method.py").write_text("first = 1\n")
    pins = "fp.user_forward_files: method.py"
    done = wtemlp(copied, "run", "param.json", "machine.json", "--new-reference")
    assert done.returncode == 0 and pins in references(copied)[-1][1]
    (copied.folder / "method.py").write_text("second = 2\n")
    done = wtemlp(copied, "run", "param.json", "machine.json")
    assert done.returncode == 2 and f"param.json: {pins}: the reference" in done.stderr


def test_what_says_nothing_is_no_change():
    old = {"fp_style": '"vasp"', "fp_params.spin": "1"}
    assert differences(old, old | {"fp_params.charge": "0"}) == {}
    assert differences(old, old | {"fp_params.charge": "1"}) == {"fp_params.charge": ("", "1")}


def test_runs_of_before_have_no_reference_to_hold_on_to(copied):
    file = copied.folder / "wtemlp.json"
    content = json.loads(file.read_text())
    del content["references"]
    file.write_text(json.dumps(content))
    other_reference(copied)
    assert "this run is finished" in copied.finish()
    assert references(copied)[-1][1]["fp_params.cutoff_A"] == "4"


def test_the_parameters_of_each_stage_are_kept(copied):
    paths = RunPaths(copied.folder)
    assert set(inputs.read(paths, 1)) == {"train", "explore", "label"}
    set_state(copied, iteration=1, step=int(Step.MAKE_EXPLORE), finished="")
    change(copied, model_devi_f_trust_lo=0.25)
    copied.finish()
    kept = inputs.changes(paths, 3)
    assert [(one.iteration, one.stage, one.key, one.before, one.after) for one in kept] == [
        (1, "explore", "model_devi_f_trust_lo", "0.2", "0.25")
    ]
