"""Widths of like walkers: what a summary keeps is enough for sigma and its error."""

import numpy as np
import pytest

from tests.support.synthetic import ar1
from wtemlp.analysis.energy import pooled_moments, sigma_ratio
from wtemlp.analysis.widths import WithError, law_density, law_ratio, sigma_of, width
from wtemlp.core.units import KB_EV
from wtemlp.records.init_result import Ensemble, InitResult, SystemResult
from wtemlp.records.summary import Summary, load_summary, save_summary
from wtemlp.records.walkers import CountedEnergies, WalkerSummary, with_scatters

SIGMA, T_K = 0.4, 300.0
K = (SIGMA / (KB_EV * T_K)) ** 2


@pytest.fixture
def walkers() -> tuple[list[WalkerSummary], dict[str, CountedEnergies]]:
    """Three walkers of 30 independent energies each, one of them with another bias."""
    rng = np.random.default_rng(3)
    rows, energies = [], {}
    for name, factor in (("a", 16.0), ("b", 16.0), ("c", 64.0)):
        rows.append(WalkerSummary(name, method="wte", biasfactor=factor, temperature_K=T_K))
        nvt, wte = (ar1(rng, 600, wide * SIGMA, 0.9) + rng.normal() for wide in (1, factor**0.5))
        energies[name] = CountedEnergies(nvt, wte, 0.005)
    return rows, energies


def test_a_summary_keeps_what_sigma_needs(walkers, tmp_path):
    rows, energies = walkers
    save_summary(tmp_path / "s.json", Summary(0, walkers=with_scatters(rows, energies)))
    kept = load_summary(tmp_path / "s.json").walkers
    exact = pooled_moments([one.nvt_eV for one in energies.values()], own_means=True)
    found = sigma_of([row.nvt for row in kept])
    assert found.value == pytest.approx(exact.std) and kept[0].nvt.spacing_ps == 0.005
    assert found.error == pytest.approx(exact.std_error, rel=2e-3)  # n - 1 for n
    assert kept[0].nvt.inefficiency == kept[2].nvt.inefficiency  # unbiased, they are alike
    assert kept[0].wte.inefficiency == kept[1].wte.inefficiency != kept[2].wte.inefficiency


def test_summaries_without_scatter_are_read(tmp_path):
    save_summary(tmp_path / "s.json", Summary(0, walkers=[WalkerSummary("a")]))
    row = load_summary(tmp_path / "s.json").walkers[0]
    assert (row.nvt, row.wte) == (None, None)
    assert WalkerSummary.from_json({"nvt": {"n": 3}, "wte": "x"}).nvt is None


def test_many_walkers_of_one_independent_energy_each_have_no_error():
    rng = np.random.default_rng(5)
    runs = {str(i): CountedEnergies(ar1(rng, 30, SIGMA, 0.95), np.empty(0)) for i in range(40)}
    rows = with_scatters([WalkerSummary(name) for name in runs], runs)
    assert sigma_of([row.nvt for row in rows]).error is None


def test_the_law_falls_where_sigma_rises():
    nvt = WithError(SIGMA, 0.02)
    law, falls = law_ratio(nvt, T_K, [16.0])
    assert law.value == pytest.approx((16 * (K + 15) / K) ** 0.5)
    step = 1e-5
    moved = sigma_ratio(16.0, SIGMA * (1 + step), T_K)
    assert falls == pytest.approx(-(moved / law.value - 1) / step, rel=1e-3)
    assert law.error == pytest.approx(falls * 0.05 * law.value)


def test_the_error_of_ratio_over_law_is_the_scatter_over_repetitions():
    """Sigma_NVT is in both: of small K its error nearly cancels."""
    rng = np.random.default_rng(1)
    sigmas = SIGMA * (1 + 0.02 * rng.normal(size=4000))
    spread = 9.0 * SIGMA * (1 + 0.01 * rng.normal(size=4000))
    each = [w / s / sigma_ratio(64.0, s, T_K) for s, w in zip(sigmas, spread, strict=True)]
    found = width(WithError(SIGMA, 0.02 * SIGMA), WithError(9 * SIGMA, 0.09 * SIGMA), [64.0], T_K)
    assert found.reached.error == pytest.approx(np.std(each), rel=0.05)
    assert found.ratio.error == pytest.approx(found.ratio.value * 0.02 * 1.25**0.5)


@pytest.mark.parametrize(
    ("sigma_wte", "words"),
    [(1.5, "no difference"), (1.3, "less than that"), (2.1, "more than that"), (None, "too few")],
)
def test_the_law_is_claimed_or_denied_beyond_two_errors_alone(sigma_wte, words):
    wte = WithError(1.5) if sigma_wte is None else WithError(sigma_wte, 0.1)
    assert width(WithError(SIGMA, 0.01), wte, [16.0], T_K).against_law().startswith(words)


def test_the_density_of_the_law_has_its_mean_and_width():
    u = np.linspace(-6, 40, 40001)
    step = u[1] - u[0]
    for g in (1.0, 16.0, 64.0):
        p = law_density(u, SIGMA, T_K, [g])
        mean = np.sum(u * p) * step
        assert np.sum(p) * step == pytest.approx(1, abs=1e-4)
        assert mean == pytest.approx((g - 1) * KB_EV * T_K, abs=1e-3)
        std = (np.sum((u - mean) ** 2 * p) * step) ** 0.5
        assert std / SIGMA == pytest.approx(sigma_ratio(g, SIGMA, T_K), rel=1e-3)


def test_what_init_tells_of_a_width_has_its_error(tmp_path):
    nvt = Ensemble(1.0, T_K, 1.0, -1.0, 0.1, SIGMA, 0.02, 2.0)
    wte = [Ensemble(16.0, T_K, 1.0, -1.0, 0.1, 1.6, error, 2.0) for error in (0.08, np.nan)]
    system = SystemResult("", "16 waters", 48, (nvt, *wte), ())
    text = InitResult(tmp_path, (system,), 0, 3).describe()
    assert "4.00 +- 0.28 of NVT's (by the law of its heat capacity: 4.12 +- 0.012)" in text
    assert "4.00 +- ? of NVT's" in text
