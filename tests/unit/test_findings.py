"""What a run's numbers say: each finding with its remedy, and only where it holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wtemlp.config.keys.labels import STOPS
from wtemlp.records.label_errors import LabelErrors
from wtemlp.records.summary import Summary
from wtemlp.records.walkers import WalkerSummary
from wtemlp.report import findings as rules
from wtemlp.report.findings import RULES, Severity


def findings(rows, root=Path()):
    return rules.findings(rows, root)


def row(iteration=0, **keys):
    good = {
        "n_train_frames": 100,
        "force_rmse_models": [50.0, 52.0, 51.0, 49.0],
        "energy_shifted_models": [2.0, 2.1, 1.9, 2.0],
        "force_rmse_trained": [45.0, 45.0, 45.0, 45.0],
        "explored": 100,
        "accurate": 60,
        "candidate": 30,
        "failed": 10,
        "selected": 20,
        "labelled": 20,
        "new_labels": LabelErrors(
            frames=20, force_rmse_meV_A=90.0, ratio=1.6, scatter=1.5, rank_correlation=0.7
        ),
        "walkers": [WalkerSummary(n_nvt=100, statistical_inefficiency=2.0)],
        "seconds": {"train": 1000.0, "label": 1000.0},
        "waited": {"train": 100.0, "label": 100.0},
    }
    return Summary(iteration, **(good | keys))


def codes(*rows):
    return {(one.code, one.iteration) for one in findings(rows)}


def test_nothing_stands_out_in_a_good_run():
    assert findings([row(0), row(1), row(2)]) == []


def new(**keys):
    return replace(row().new_labels, **keys)


@pytest.mark.parametrize(
    ("code", "keys", "words"),
    [
        ("worse", {"force_rmse_models": [80.0, 85.0, 81.0, 82.0]}, "from 50.5 to 81.5 meV/A"),
        ("worse", {"energy_shifted_models": [6.0] * 4}, "from 2 to 6 meV/atom"),
        ("new labels worse", {"new_labels": new(force_rmse_meV_A=200.0)}, "200 meV/A, 90 on"),
        ("unsure", {"new_labels": new(ratio=6.0)}, "6 times the deviation (20 labels)"),
        ("silent", {"new_labels": new(rank_correlation=0.05)}, "rank correlation 0.05"),
        ("missed", {"trust_ratio": 1.0}, "1.6 times those that its trust levels stood for"),
        ("no candidate", {"candidate": 0, "accurate": 95, "labelled": 0}, "95 of 100"),
        ("all failed", {"candidate": 0, "accurate": 2, "failed": 98, "labelled": 0}, "98 of 100"),
        ("beyond sel", {"beyond_sel": "up to 9 O neighbours within rcut (6 A)"}, "have up to 9 O"),
        ("few labels", {"labelled": 2}, "2 labels are few beside 100 frames"),
        ("redundant", {"new_labels": new(force_rmse_meV_A=50.0)}, "teach little"),
        ("over-fitted", {"force_rmse_trained": [20.0] * 4}, "50.5 meV/A there, 20 on"),
        ("sibling", {"energy_shifted_models": [2.2, 47.0, 2.1, 2.0]}, "model 1 trained unlike"),
        ("stopped", {"walkers": [WalkerSummary(stopped="too hot")]}, "1 of 1 walkers"),
        (
            "poor sigma",
            {"walkers": [WalkerSummary(n_nvt=20, statistical_inefficiency=5.0)]},
            "4 independent energies in 1 of 1",
        ),
        ("waited", {"waited": {"label": 900.0}}, "of its label stage"),
    ],
)
def test_each_finding(code, keys, words):
    (found,) = findings([row(0), row(1, **keys)])
    assert (found.code, found.iteration) == (code, 1)
    assert words in found.what and found.remedy and "{" not in found.remedy.replace('{"', "")


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"candidate": 0, "accurate": 2, "failed": 98, "labelled": 0}, "second"),
        ({"new_labels": new(force_rmse_meV_A=50.0)}, "first"),
    ],
)
def test_levels_that_are_errors_are_changed_as_errors(keys, place):
    (found,) = findings([row(0), row(1, trust=[(0.07, 0.29)], **keys)])
    assert found.remedy.startswith(f"raise the {place} of trust.error_meV_A, ")
    (found,) = findings([row(0), row(1, **keys)])
    assert found.remedy.startswith("raise model_devi_f_trust_")


def test_every_rule_is_tested():
    tested = {mark.args[1][k][0] for mark in test_each_finding.pytestmark for k in range(16)}
    assert tested == {rule.code for rule in RULES}


def test_errors_that_grow_faster_are_missed_by_what_they_stood_for():
    labels = LabelErrors(frames=30, deviation_meV_A=130.0, ratio=2.0)
    trust = {"trust": [(0.07, 0.29)], "trust_ratio": 1000 / 290}
    assert codes(row(0), row(1, new_labels=labels, **trust)) == {("missed", 1)}
    assert codes(row(0), row(1, new_labels=labels, trust_power=1.6, **trust)) == set()


def test_a_run_can_be_told_to_stop_at_each_warning():
    assert {rule.code for rule in RULES if rule.severity is Severity.WARNING} == set(STOPS)


def test_the_model_that_is_least_like_the_others_is_named():
    bad = row(1, energy_shifted_models=[2.0, 2.1, 9.0, 2.2], force_rmse_models=[51, 50, 400, 49])
    (found,) = findings([row(0), bad])
    assert found.what.startswith("model 2 trained unlike its siblings: 9 meV/atom beside 2 to 2.2")
    assert "400 meV/A beside 49 to 51" in found.what
    assert found.remedy.endswith("wtemlp rewind 1.train --model 2")


def test_a_remedy_works_where_the_run_is_elsewhere(tmp_path, monkeypatch):
    rows = [row(0), row(1, force_rmse_models=[80.0, 85.0, 81.0, 82.0])]
    run = tmp_path / "a run {0}"
    monkeypatch.chdir("/")
    assert f"-C '{str(run)[1:]}' 1.train" in findings(rows, run)[0].remedy
    monkeypatch.chdir(tmp_path)
    assert findings(rows, run)[0].remedy.endswith("wtemlp rewind -C 'a run {0}' 1.train")


def test_one_bad_sibling_does_not_make_the_run_worse():
    bad = row(1, energy_shifted_models=[3.0, 90.0, 2.8, 2.9])
    assert codes(row(0), bad) == {("sibling", 1)}


def test_empty_rows_say_nothing():
    assert findings([Summary(0), Summary(1)]) == []
    assert findings([row(0, force_rmse_models=[0.0] * 4, energy_shifted_models=[np.inf] * 4)]) == []
