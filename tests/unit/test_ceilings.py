"""Bias factors that are lowered where most walkers were stopped, and raised again."""

from dataclasses import replace

import pytest

from wtemlp.records.walkers import WalkerSummary
from wtemlp.stages.exploration.biasfactor_limits import (
    Ceiling,
    ceilings,
    held_back,
    lowered,
    raised,
    under,
)

HERE = (0, 300.0)


def rows(biasfactor, n, stopped, asked=None, system=0, window=None):
    """Rows of a summary: `n` walkers, some of which were stopped."""
    return [
        WalkerSummary(
            system=system,
            temperature_K=300.0,
            biasfactor=biasfactor,
            biasfactor_asked=asked or biasfactor,
            window_K=window,
            stopped="energy" if k < stopped else "",
        )
        for k in range(n)
    ]


def after(*iterations):
    """Ceiling after some iterations, none: None."""
    found = ceilings(enumerate(iterations)).get(HERE)
    return found.biasfactor if found else None


@pytest.mark.parametrize(("g", "less"), [(256, 128), (16, 8), (5, 2.5), (4, 2), (3, 1), (2, 1)])
def test_a_step_is_half_and_the_last_is_no_bias(g, less):
    assert lowered(g) == less


def test_a_step_up_is_the_step_down_again():
    assert [raised(g) for g in (1.0, 2.0, 4.0, 8.0)] == [2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize(("stopped", "ceiling"), [(0, None), (2, None), (3, 8.0), (4, 8.0)])
def test_more_than_half_of_the_walkers(stopped, ceiling):
    assert after(rows(16.0, 4, stopped)) == ceiling


def test_the_smallest_bias_factor_that_fails_counts_and_larger_ones_with_it():
    assert after(rows(4.0, 2, 0) + rows(16.0, 2, 2) + rows(64.0, 2, 1)) == 8.0
    assert after(rows(4.0, 2, 0) + rows(16.0, 2, 0) + rows(64.0, 2, 2)) == 32.0


def test_walkers_that_left_a_grid_tell_nothing_of_the_bias_factor():
    left = [replace(row, left_grid=True) for row in rows(16.0, 3, 3)]
    assert after(left) is None
    assert after(left + rows(16.0, 1, 1)) == 8.0
    assert after(rows(16.0, 2, 2), left) == 8.0
    came = rows(8.0, 2, 0, 16.0)
    assert after(rows(16.0, 2, 2), [replace(row, left_grid=True) for row in came]) == 8.0


def test_unbiased_walkers_have_nothing_to_lower():
    assert after(rows(1.0, 2, 2)) is None
    assert after(rows(1.0, 2, 2) + rows(16.0, 2, 2)) == 8.0


def test_it_falls_step_by_step_stands_and_comes_back_to_what_was_asked():
    history = [rows(16.0, 2, 2), rows(8.0, 2, 2, 16.0), rows(4.0, 2, 1, 16.0)]
    assert [after(*history[:n]) for n in (1, 2, 3)] == [8.0, 4.0, 4.0]
    history.append(rows(4.0, 2, 0, 16.0))
    assert after(*history) == 8.0
    history.append(rows(8.0, 2, 0, 16.0))
    assert after(*history) is None
    assert after(*history, rows(16.0, 2, 2)) == 8.0


def test_down_to_no_bias_and_back():
    history = [rows(3.0, 1, 1), rows(1.0, 1, 1, 3.0)]
    assert [after(*history[:n]) for n in (1, 2)] == [1.0, 1.0]
    history.append(rows(1.0, 1, 0, 3.0))
    assert after(*history) == 2.0
    assert after(*history, rows(2.0, 1, 0, 3.0)) is None


def test_an_iteration_elsewhere_or_below_says_nothing():
    history = [rows(16.0, 2, 2)]
    assert after(*history, rows(16.0, 2, 0, system=1)) == 8.0
    assert after(*history, rows(4.0, 2, 0)) == 8.0
    assert after(*history, []) == 8.0
    assert ceilings([(0, rows(16.0, 2, 2, system=1))]).keys() == {(1, 300.0)}


def test_the_bias_factors_of_a_window_are_one_group():
    window = (250.0, 400.0)
    first = rows(37.0, 1, 1, window=window) + rows(41.0, 2, 1, window=window)
    assert after(first) == 18.5
    unknown = rows(None, 3, 3, window=window)
    assert after(unknown) is None
    assert after(unknown + first) == 18.5
    again = rows(18.5, 2, 0, 37.0, window=window) + rows(17.0, 1, 0, 17.0, window=window)
    assert after(first, again) is None
    assert after(first, rows(18.5, 3, 0, 41.0, window=window)) == 37.0


def test_the_reason_is_said():
    assert (
        ceilings([(3, rows(16.0, 4, 3))])[HERE].why
        == "3 of 4 walkers at 16 were stopped in iteration 3"
    )


def test_two_that_come_to_the_same_are_explored_once():
    assert under((4.0, 16.0, 64.0), Ceiling(8.0, "")) == {4.0: (4.0,), 8.0: (16.0, 64.0)}
    assert under((8.0, 64.0), Ceiling(8.0, "")) == {8.0: (8.0, 64.0)}
    assert under((4.0, 16.0), None) == {4.0: (4.0,), 16.0: (16.0,)}


def test_rows_of_an_older_version_have_no_asked():
    old = [replace(row, biasfactor_asked=None) for row in rows(16.0, 2, 2)]
    assert after(old) == 8.0 and not held_back(old)
    assert held_back(rows(8.0, 1, 0, 16.0)) and not held_back(rows(16.0, 1, 0))
