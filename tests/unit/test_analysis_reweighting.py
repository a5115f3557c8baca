"""The final bias and the distributions that it gives, of Gaussians, whose answers are known."""

import numpy as np
import pytest

from tests.support.synthetic import ar1
from wtemlp.analysis.energy import gaussian
from wtemlp.analysis.reweighting import TRUSTED, distributions, hills_bias
from wtemlp.core.units import KB_EV
from wtemlp.md import colvar, energy_file

T = 300.0  #: K
KT = KB_EV * T
SIGMA, MEAN, G = 0.5, -14_700.0, 9.0


def hill(energy, centre=0.0, width=0.5, height=0.02, biasfactor=4.0):
    """One hill, as the manual has it."""
    x = (energy - centre) / width
    if x**2 / 2 >= 6.25:
        return 0.0
    stretched = (np.exp(-(x**2) / 2) - np.exp(-6.25)) / (1 - np.exp(-6.25))
    return height * (1 - 1 / biasfactor) * stretched


def columns(centres, **changes):
    one = {"width": 0.5, "height": 0.02, "biasfactor": 4.0} | changes
    filled = [np.full(len(centres), one[key]) for key in ("width", "height", "biasfactor")]
    return {
        "ene": np.array(centres),
        **dict(zip(("sigma_ene", "height", "biasf"), filled, strict=True)),
    }


def test_one_hill():
    at = np.array([-1.0, 0.0, 0.3, 1.76, 1.77, 50.0])
    expected = [hill(energy) for energy in at]
    assert expected[1] == pytest.approx(0.015) and expected[-2:] == [0, 0]
    np.testing.assert_allclose(hills_bias(at, columns([0.0])), expected, atol=1e-15)


def test_hills_add_up_for_few_energies_and_for_many():
    rng = np.random.default_rng(1)
    centres = rng.normal(scale=3.0, size=300)
    energies = rng.normal(scale=4.0, size=20_000)
    bias = hills_bias(energies, columns(centres))
    expected = [sum(hill(energy, centre) for centre in centres) for energy in energies[:50]]
    np.testing.assert_allclose(bias[:50], expected, atol=1e-5 * max(expected))
    np.testing.assert_allclose(hills_bias(energies[:50], columns(centres)), expected, atol=1e-12)
    far = np.append(energies, [1e12, -1e12])
    np.testing.assert_allclose(hills_bias(far, columns(centres))[-2:], 0, atol=1e-15)
    assert hills_bias([1.0, 2.0], columns([])).tolist() == [0, 0]


def sampled(n, decay=0.0, g=G, seed=1):
    """NVT, and the well-tempered ensemble with its converged bias."""
    rng = np.random.default_rng(seed)
    nvt = ar1(rng, n, SIGMA, decay)
    biased = ar1(rng, n, np.sqrt(g) * SIGMA, decay)
    bias = -(1 - 1 / g) * KT * biased**2 / (2 * SIGMA**2)
    return distributions(MEAN + nvt, MEAN + biased, bias, T, g)


def test_nvt_is_recovered():
    found = sampled(40_000)
    width = np.diff(found.energy_eV)[0]
    u = found.energy_eV - MEAN
    for density, sigma in (
        (found.p_nvt, SIGMA),
        (found.p_biased, 3 * SIGMA),
        (found.p_reweighted, SIGMA),
    ):
        assert density.sum() * width == pytest.approx(1)
        # 4 standard errors of the counts in the highest bin.
        np.testing.assert_allclose(density, gaussian(u, sigma), atol=0.06)
    assert (found.n_nvt, found.n_biased) == (40_000, 40_000)
    middle = np.abs(u) < 2.5 * SIGMA
    expected = u[middle] ** 2 / (2 * SIGMA**2)
    assert found.free_energy_kT.min() == 0
    np.testing.assert_allclose(found.free_energy_kT[middle], expected, atol=0.2)
    assert np.isinf(found.free_energy_kT).any()


def test_effective_numbers():
    """Of Gaussians: (sum w)^2 / sum w^2 = n sqrt(2 g - 1) / g, and correlation takes its part."""
    found = sampled(40_000)
    assert found.kish == pytest.approx(40_000 * np.sqrt(2 * G - 1) / G, rel=0.03)
    assert found.inefficiency == pytest.approx(1, abs=0.1) and found.trusted
    slow = sampled(40_000, decay=0.9)
    assert slow.inefficiency == pytest.approx(19, rel=0.25)
    assert slow.independent == pytest.approx(slow.kish / slow.inefficiency)


def test_a_short_run_is_not_trusted():
    """A hundred frames whose weights are worth 46 of them, but only a few independent."""
    found = sampled(100, decay=0.95, seed=4)
    assert found.kish > 2 * TRUSTED > found.independent and not found.trusted


def test_too_little_to_tell():
    some = np.arange(5.0)
    assert distributions([1.0], some, some, T, 4.0) is None
    assert distributions([1.0, 1.0], some, some, T, 4.0) is None
    assert distributions([1.0, 2.0], [np.nan, 1.0], [0.0, 0.0], T, 4.0) is None
    hole = [1.0, 2.0, -1e15]
    assert len(distributions([1.0, 2.0], hole, [0.0] * 3, T, 4.0).energy_eV) < 20


def test_the_file_says_what_it_is_worth(tmp_path):
    file = tmp_path / "P_energy.dat"
    energy_file.write(file, sampled(40_000), T, G, stopped=False)
    text = file.read_text()
    head = "#! FIELDS energy p_nvt p_biased p_reweighted free_energy\n"
    assert text.startswith(head) and "#! SET reweighting trustworthy\n" in text
    assert "do not trust" not in text
    found, read = sampled(40_000), energy_file.read(file)
    np.testing.assert_allclose(read.density, found.p_reweighted, rtol=1e-8)
    np.testing.assert_allclose(read.energy_eV, found.energy_eV, atol=1e-8)
    assert read.independent == pytest.approx(found.independent, rel=1e-5)
    assert np.nanmin(colvar.read(file)["free_energy"]) == 0

    energy_file.write(file, sampled(100, decay=0.95, seed=4), T, G, stopped=False)
    assert "SET reweighting untrustworthy\n" in file.read_text()
    assert "# do not trust p_reweighted and free_energy: worth " in file.read_text()
    energy_file.write(file, sampled(40_000), T, G, stopped=True)
    assert "untrustworthy" in file.read_text() and "stopped the walker" in file.read_text()


@pytest.mark.parametrize("text", ["", "#! FIELDS energy\n 1\n", "#! FIELDS energy p_rew", None])
def test_a_damaged_file_is_none(tmp_path, text):
    file = tmp_path / "P_energy.dat"
    if text is not None:
        file.write_text(text)
    assert energy_file.read(file) is None
