"""The analysis of the copper study finds what is there, and nothing where nothing is."""

import csv
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "evidence" / "copper"
ARMS = ("unbiased", "strained", "ladder", "wte16")


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


analysis = load("analysis")


def write(folder, heats, forces, replicates=8, seed=1):
    """A study in which an arm has an error of the latent heat, and of forces, with a spread."""
    rng = np.random.default_rng(seed)
    rows = []
    for replicate in range(1, replicates + 1):
        for arm in ARMS:
            heat = heats[arm] + rng.normal(0, 2.0)
            for steps, factor in ((6000, 1.0), (1200, 1.3)):
                for name in (*analysis.CRYSTALS, *analysis.MELTS, "between"):
                    force = forces[arm] * factor * np.exp(rng.normal(0, 0.08))
                    rows.append(
                        {
                            "arm": arm,
                            "replicate": replicate,
                            "labels": 60,
                            "steps": steps,
                            "set": name,
                            "frames": 200,
                            "force_rmse_meV_A": force,
                            "energy_rmse_shifted_meV_atom": 1.0,
                            "energy_offset_meV_atom": heat if name.startswith("melt") else 0.0,
                        }
                    )
    with (folder / "errors.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return analysis.read(folder / "errors.csv")[60]


def test_a_difference_that_is_there_is_found(tmp_path):
    heats = dict(zip(ARMS, (-30.0, -3.0, 3.0, -2.0), strict=True))
    forces = dict(zip(ARMS, (75.0, 60.0, 60.0, 57.0), strict=True))
    found = {one.name: one for one in analysis.endpoints(write(tmp_path, heats, forces))}
    assert {name: one.verdict for name, one in found.items()} == dict.fromkeys("abcd", "yes")
    assert found["b"].parts["latent heat (meV/atom)"].mean == pytest.approx(-27, abs=4)


def test_a_loss_is_no_gain(tmp_path):
    heats = dict(zip(ARMS, (-2.0, -3.0, 3.0, -30.0), strict=True))
    forces = dict(zip(ARMS, (57.0, 57.0, 57.0, 90.0), strict=True))
    found = {one.name: one.verdict for one in analysis.endpoints(write(tmp_path, heats, forces))}
    assert found == {
        "a": "no: the contrary",
        "b": "no: the contrary",
        "c": "not shown",
        "d": "not shown",
    }


def test_without_a_difference_false_findings_are_rare(tmp_path):
    alike = dict.fromkeys(ARMS, 10.0)
    errors = [write(tmp_path, alike, dict.fromkeys(ARMS, 60.0), seed=seed) for seed in range(300)]
    false = [any(e.difference and e.shown for e in analysis.endpoints(one)) for one in errors]
    assert sum(false) <= 0.05 * 300 + 3 * np.sqrt(0.05 * 0.95 * 300)


def test_few_replicates_give_no_verdict(tmp_path):
    heats = dict(zip(ARMS, (-30.0, -3.0, 3.0, -2.0), strict=True))
    errors = write(tmp_path, heats, dict.fromkeys(ARMS, 60.0), replicates=4)
    assert {one.verdict for one in analysis.endpoints(errors)} <= {"not told apart", "not shown"}


def test_the_script_shuffles_and_draws(tmp_path):
    heats = dict(zip(ARMS, (-30.0, -3.0, 3.0, -2.0), strict=True))
    write(tmp_path, heats, dict.fromkeys(ARMS, 60.0))
    script = [sys.executable, str(FOLDER / "analysis.py"), str(tmp_path)]
    shuffled = subprocess.run([*script, "--shuffle", "200"], capture_output=True, text=True)
    assert shuffled.returncode == 0, shuffled.stdout
    drawn = subprocess.run(
        [*script, "--figure", str(tmp_path / "f.png")], capture_output=True, text=True, check=True
    )
    assert "| `wte16` | 6000 |" in drawn.stdout and "(b) better than unbiased" in drawn.stdout
    assert (tmp_path / "f_60.png").stat().st_size > 10_000


def test_the_study_goes_on_from_its_tables(tmp_path):
    study = load("study")
    for name in ("data.csv", "errors.csv", "md.csv"):
        shutil.copy(FOLDER / "core" / name, tmp_path)
    tables, before = study.Tables(tmp_path), (tmp_path / "errors.csv").read_bytes()
    todo = study.cells(study.SIZES["core"])
    assert tables.have(todo[0]) and not tables.have(replace(todo[0], replicate=99))
    tables.add([todo[0]], todo)  # it is not read from its folder, which is not there
    assert (tmp_path / "errors.csv").read_bytes() == before


def test_the_page_has_the_numbers_of_the_tables_and_shuffled_they_say_nothing():
    core = FOLDER / "core"
    page = (FOLDER.parents[2] / "docs" / "evidence.md").read_text().splitlines()
    errors = analysis.read(core / "errors.csv")[60]
    for table in (
        analysis.tables(errors, 60),
        analysis.data_table(core / "data.csv", errors, 60),
        analysis.md_table(core / "md.csv", 60),
    ):
        missing = [line for line in table.splitlines() if line and line not in page]
        assert not missing, missing
    assert len(errors.replicates) >= analysis.FEWEST
    false = analysis.false_findings(errors, 200)
    assert false <= 0.05 * 200 and f"difference in {false} of them." in " ".join(page)
