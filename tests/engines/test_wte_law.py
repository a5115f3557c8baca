"""The well-tempered ensemble is what it is said to be: small systems, seconds.

For a Gaussian energy distribution the mean stays and the standard deviation grows by
sqrt(biasfactor) (Bonomi and Parrinello, PRL 104, 190601, 2010), and reweighting with exp(V/kT)
gives the canonical ensemble back.
"""

import subprocess

import numpy as np
import pytest
from scipy import stats

from tests.support.engines import require_engine
from wtemlp.analysis.energy import (
    equilibrated,
    filled,
    moments,
    reweighting_weights,
    statistical_inefficiency,
)
from wtemlp.analysis.reweighting import distributions, hills_bias
from wtemlp.core.units import KB_EV, KCAL_MOL_IN_EV
from wtemlp.lammps_plumed.kernel import find_plumed_program, plumed_command_environment
from wtemlp.md import colvar, plumed_input

T = 130.0  #: K
SYSTEM = f"""\
units metal
atom_style atomic
lattice fcc 5.8
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
mass 1 39.948
pair_style lj/cut 7.5
pair_coeff 1 1 0.010324 3.405
timestep 0.01
velocity all create {2 * T} 4928459 mom yes
fix integrate all nve
fix thermostat all temp/csvr {T} {T} 0.2 74581
run 10000
reset_timestep 0
"""


def sampled(lmp, tmp_path, text, steps):
    """COLVAR of a run with a PLUMED input."""
    (tmp_path / "plumed.dat").write_text(text)
    lmp(
        SYSTEM + "fix bias all plumed plumedfile plumed.dat outfile plumed.log\n"
        f"fix_modify bias energy no\nrun {steps}\n"
    )
    return colvar.read(tmp_path / "COLVAR")


def biased_input(unbiased, biasfactor, temperature_K, *, height_kT, pace):
    """PLUMED input of a well-tempered ensemble around what an unbiased run was."""
    half = plumed_input.grid_half_width(biasfactor) * unbiased.std
    return plumed_input.wte_input(
        biasfactor=biasfactor,
        sigma=unbiased.std,
        height=height_kT * KB_EV * temperature_K,
        pace=pace,
        temperature_K=temperature_K,
        grid_min=unbiased.mean - half,
        grid_max=unbiased.mean + half,
        stride=10,
        hills="HILLS",
        colvar="COLVAR",
        units="metal",
    )


@pytest.mark.parametrize("biasfactor", [4.0])
def test_width_grows_by_the_root_of_the_biasfactor(lmp, tmp_path, biasfactor):
    require_engine("lammps", "plumed")
    nvt = sampled(lmp, tmp_path, plumed_input.nvt_input(10, "COLVAR", "metal"), 50_000)
    unbiased = moments(equilibrated(nvt["ene"]))
    (tmp_path / "COLVAR").unlink()
    text = biased_input(unbiased, biasfactor, T, height_kT=0.3, pace=100)
    wte = sampled(lmp, tmp_path, text, 150_000)
    energy, bias = filled(wte["ene"]), filled(wte["metad.bias"])
    biased = moments(energy)
    ratio = biased.std / unbiased.std
    assert ratio == pytest.approx(np.sqrt(biasfactor), rel=0.15)
    assert abs(biased.mean - unbiased.mean) < 3 * biased.mean_error + 0.3 * unbiased.std

    # The bias hardly changes any more: the instantaneous one stands for a static one.
    weights = np.exp((bias - bias.max()) / (KB_EV * T))
    mean = np.average(energy, weights=weights)
    sigma = np.sqrt(np.average((energy - mean) ** 2, weights=weights))
    assert mean == pytest.approx(unbiased.mean, abs=0.3 * unbiased.std)
    assert sigma == pytest.approx(unbiased.std, rel=0.2)
    print(
        f"ratio {ratio:.3f}, reweighted {mean:.3f} +- {sigma:.3f}, "
        f"NVT {unbiased.mean:.3f} +- {unbiased.std:.3f} eV"
    )


# -- the same with a bias that is held still, on a system whose answers are known exactly

OSCILLATORS = 60
T_OSCILLATORS = 300.0  #: K
KT = KB_EV * T_OSCILLATORS / KCAL_MOL_IN_EV  #: kcal/mol
SHAPE = 1.5 * OSCILLATORS  #: U / kT has a gamma distribution of this shape
EXACT = stats.gamma(SHAPE, scale=KT)  #: of U, kcal/mol

#: Independent harmonic oscillators with a period of 0.5 ps.  Their energy is that of a fix, which
#: belongs to U, unlike the bias.  The thermostat comes after the bias, which must not scale it.
SPRINGS = f"""\
units real
atom_style atomic
atom_modify sort 0 0
lattice sc 4
region box block 0 {OSCILLATORS} 0 1 0 1
create_box 1 box
create_atoms 1 box
mass 1 16
pair_style zero 1.0
pair_coeff * *
timestep 5
velocity all create {2 * T_OSCILLATORS} 4928459
fix springs all spring/self 6.0
fix_modify springs energy yes
fix bias all plumed plumedfile plumed.dat outfile plumed.log
fix_modify bias energy no
fix thermostat all langevin {T_OSCILLATORS} {T_OSCILLATORS} 100 74581
fix integrate all nve
thermo 100000
"""


def oscillators(lmp, folder, text, steps):
    """COLVAR of a run with a PLUMED input, without its first tenth."""
    (folder / "plumed.dat").write_text(text)
    (folder / "COLVAR").unlink(missing_ok=True)
    lmp(SPRINGS + f"run {steps}\n")
    columns = colvar.read(folder / "COLVAR")
    return {name: values[len(values) // 10 :] for name, values in columns.items()}


def biased_oscillators(lmp, folder, biasfactor):
    """COLVAR under a static bias, that of a well-tempered run just before."""
    half = plumed_input.grid_half_width(biasfactor) * EXACT.std()
    options = {
        "biasfactor": biasfactor,
        "sigma": EXACT.std(),
        "temperature_K": T_OSCILLATORS,
        "grid_min": EXACT.mean() - half,
        "grid_max": EXACT.mean() + half,
        "stride": 10,
        "hills": "HILLS",
        "colvar": "COLVAR",
        "units": "real",
    }
    growing = plumed_input.wte_input(height=0.5 * KT, pace=50, **options)
    oscillators(lmp, folder, growing, 60_000)
    still = plumed_input.wte_input(height=0, pace=10**9, **options)
    return oscillators(lmp, folder, f"RESTART\n{still}", 100_000)


def test_oscillators_have_their_exact_moments_under_the_bias_and_reweighted(lmp, tmp_path):
    """P ** (1 / g) of a gamma distribution is one: its shape (k - 1) / g + 1, its scale g kT.

    So it is not the mean that stays, but the mode; sigma grows by sqrt(g) to 1 % here.
    """
    require_engine("lammps", "plumed")
    g = 4.0
    unbiased = plumed_input.nvt_input(10, "COLVAR", "real")
    nvt = moments(oscillators(lmp, tmp_path, unbiased, 40_000)["ene"])
    assert nvt.mean == pytest.approx(EXACT.mean(), abs=4 * nvt.mean_error)
    assert nvt.std == pytest.approx(EXACT.std(), abs=4 * nvt.std_error)

    sample = biased_oscillators(lmp, tmp_path, g)
    energy, bias = sample["ene"], sample["metad.bias"]
    wte, expected = moments(energy), stats.gamma((SHAPE - 1) / g + 1, scale=g * KT)
    assert expected.std() == pytest.approx(np.sqrt(g) * EXACT.std(), rel=0.02)
    # 2 % and 0.1 sigma: for the bias, which a run of this length does not know better.
    assert wte.std == pytest.approx(expected.std(), abs=4 * wte.std_error + 0.02 * expected.std())
    assert wte.mean == pytest.approx(expected.mean(), abs=4 * wte.mean_error + 0.1 * EXACT.std())

    # Under a bias that is held still, reweighting is exact: errors of sampling alone are left.
    weights = len(energy) * reweighting_weights(bias * KCAL_MOL_IN_EV, T_OSCILLATORS)
    offset = moments(weights * (energy - EXACT.mean()))
    excess = moments(weights * ((energy - EXACT.mean()) ** 2 - EXACT.var()))
    assert abs(offset.mean) < 4 * offset.mean_error < 0.15 * EXACT.std()
    assert abs(excess.mean) < 4 * excess.mean_error < 0.15 * EXACT.var()
    apart = int(np.ceil(max(statistical_inefficiency(energy), offset.inefficiency)))
    kept = np.random.default_rng(1).random(len(energy)) < weights / weights.max()
    kept &= np.arange(len(energy)) % apart == 0
    assert kept.sum() > 200
    assert stats.kstest(energy[kept], EXACT.cdf).pvalue > 0.001


def test_oscillators_are_recovered_from_a_bias_that_still_grows(lmp, tmp_path):
    """The second half of one well-tempered run, with its final bias: mean and sigma of NVT."""
    require_engine("lammps", "plumed")
    g = 4.0
    half = plumed_input.grid_half_width(g) * EXACT.std()
    text = plumed_input.wte_input(
        biasfactor=g,
        sigma=EXACT.std(),
        height=0.5 * KT,
        pace=50,
        temperature_K=T_OSCILLATORS,
        grid_min=EXACT.mean() - half,
        grid_max=EXACT.mean() + half,
        stride=10,
        hills="HILLS",
        colvar="COLVAR",
        units="real",
    )
    run = oscillators(lmp, tmp_path, text, 300_000)
    energy = filled(run["ene"]) * KCAL_MOL_IN_EV
    hills = colvar.read(tmp_path / "HILLS")
    hills |= {name: KCAL_MOL_IN_EV * hills[name] for name in ("ene", "sigma_ene", "height")}
    bias = hills_bias(energy, hills)

    exact_mean, exact_sigma = EXACT.mean() * KCAL_MOL_IN_EV, EXACT.std() * KCAL_MOL_IN_EV
    weights = len(energy) * reweighting_weights(bias, T_OSCILLATORS)
    offset = moments(weights * (energy - exact_mean))
    excess = moments(weights * ((energy - exact_mean) ** 2 - exact_sigma**2))
    # Errors of sampling, and 0.05 sigma (5 % of its square) for the bias that changed on the way.
    assert abs(offset.mean) < 4 * offset.mean_error + 0.05 * exact_sigma
    assert abs(excess.mean) < 4 * excess.mean_error + 0.05 * exact_sigma**2
    assert 4 * offset.mean_error < 0.2 * exact_sigma

    nvt = EXACT.rvs(20_000, random_state=1) * KCAL_MOL_IN_EV
    found = distributions(nvt, energy, bias, T_OSCILLATORS, g)
    assert found.trusted and found.independent > 100
    middle = found.p_nvt > 0.1 * found.p_nvt.max()
    np.testing.assert_allclose(found.p_reweighted[middle], found.p_nvt[middle], rtol=0.3)
    np.testing.assert_allclose(found.p_reweighted, found.p_nvt, atol=0.12 * found.p_nvt.max())
    print(
        f"offset {offset.mean / exact_sigma:.3f} +- {offset.mean_error / exact_sigma:.3f} sigma, "
        f"variance {excess.mean / exact_sigma**2:.3f} +- "
        f"{excess.mean_error / exact_sigma**2:.3f}, worth {found.independent:.0f}"
    )


def test_the_final_bias_is_that_of_plumeds_sum_hills(lmp, tmp_path):
    """And the one that PLUMED had at the end of the run."""
    require_engine("lammps", "plumed", "plumed_program")
    half = plumed_input.grid_half_width(4.0) * EXACT.std()
    text = plumed_input.wte_input(
        biasfactor=4.0,
        sigma=EXACT.std(),
        height=0.5 * KT,
        pace=50,
        temperature_K=T_OSCILLATORS,
        grid_min=EXACT.mean() - half,
        grid_max=EXACT.mean() + half,
        stride=10,
        hills="HILLS",
        colvar="COLVAR",
        units="real",
    )
    run = oscillators(lmp, tmp_path, text, 20_000)
    hills = colvar.read(tmp_path / "HILLS")
    low, high = EXACT.mean() - 8 * EXACT.std(), EXACT.mean() + 8 * EXACT.std()
    subprocess.run(
        [
            find_plumed_program(),
            "sum_hills",
            "--hills",
            "HILLS",
            "--outfile",
            "fes.dat",
            "--min",
            f"{low}",
            "--max",
            f"{high}",
            "--bin",
            "400",
        ],
        cwd=tmp_path,
        env=plumed_command_environment(),
        check=True,
        capture_output=True,
    )
    surface = colvar.read(tmp_path / "fes.dat")
    # sum_hills gives the free energy, -g / (g - 1) times the bias.
    expected = -(1 - 1 / 4.0) * surface["file.free"]
    found = hills_bias(surface["ene"], hills)
    assert expected.max() > 2 * KT
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())

    late = hills["time"] < run["time"][-1] - 1e-9
    before = {name: values[late] for name, values in hills.items()}
    since = run["time"] > before["time"][-1]
    np.testing.assert_allclose(
        hills_bias(run["ene"][since], before),
        run["metad.bias"][since],
        atol=1e-3 * expected.max(),
    )


def test_oscillators_have_their_exact_energy_at_every_temperature_of_a_multithermal_run(
    lmp, tmp_path
):
    """One OPES run at 300 K: reweighted, the mean energy is 3/2 N kT' from end to end."""
    require_engine("lammps", "plumed")
    window_K = (240.0, 390.0)
    text = plumed_input.opes_input(
        temperature_K=T_OSCILLATORS,
        window_K=window_K,
        pace=50,
        observation=100,
        stride=10,
        deltafs="DELTAFS",
        colvar="COLVAR",
        units="real",
    )
    sample = oscillators(lmp, tmp_path, text, 160_000)
    energy, bias = sample["ene"], sample["opes.bias"]
    for temperature_K in (*window_K, T_OSCILLATORS):
        change = 1 / temperature_K - 1 / T_OSCILLATORS
        exponents = bias / KT - change * energy * KCAL_MOL_IN_EV / KB_EV
        weights = np.exp(exponents - exponents.max())
        weights *= len(weights) / weights.sum()
        exact = stats.gamma(SHAPE, scale=KT * temperature_K / T_OSCILLATORS)
        offset = moments(weights * (energy - exact.mean()))
        assert abs(offset.mean) < 4 * offset.mean_error < 0.3 * exact.std()
    # Every temperature's energies are visited: about a third of the time beyond each end's mean.
    beyond = [EXACT.mean() * end / T_OSCILLATORS for end in window_K]
    assert (energy < beyond[0]).mean() > 0.05 and (energy > beyond[1]).mean() > 0.05


# -- at constant pressure: copper, which LAMMPS has a potential of

COPPER = """\
units metal
atom_style atomic
lattice fcc 3.68
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
mass 1 63.546
pair_style eam
pair_coeff 1 1 Cu_u3.eam
timestep 0.004
velocity all create {0} 4928459 mom yes
fix integrate all nph iso {1} {1} 0.5
fix thermostat all temp/csvr {0} {0} 0.1 74581
run 3000
unfix integrate
reset_timestep 0
fix bias all plumed plumedfile plumed.dat outfile plumed.log
fix_modify bias energy no
fix integrate all nph iso {1} {1} 0.5
variable v equal vol
fix volumes all print 10 "$(v_v)" file volumes screen no
run {2}
"""
T_COPPER = 800.0  #: K


def copper(lmp, tmp_path, text, steps, temperature_K=T_COPPER, pressure_bar=0.0):
    """Energies of a run with a PLUMED input (eV), its COLVAR, and its volumes (A^3)."""
    for old in ("COLVAR", "HILLS"):
        (tmp_path / old).unlink(missing_ok=True)
    (tmp_path / "plumed.dat").write_text(text)
    lmp(COPPER.format(temperature_K, pressure_bar, steps))
    return colvar.read(tmp_path / "COLVAR"), np.loadtxt(tmp_path / "volumes")


def test_at_constant_pressure_the_energy_has_the_width_of_the_law(lmp, tmp_path):
    """Its unbiased width is that of constant pressure: the volume fluctuates with it."""
    require_engine("lammps", "plumed")
    nvt, _ = copper(lmp, tmp_path, plumed_input.nvt_input(10, "COLVAR", "metal"), 30_000)
    unbiased, g = moments(equilibrated(nvt["ene"])), 4.0
    text = biased_input(unbiased, g, T_COPPER, height_kT=0.5, pace=20)
    wte, _ = copper(lmp, tmp_path, text, 60_000)
    biased = moments(filled(wte["ene"]))
    ratio = biased.std / unbiased.std
    error = ratio * np.hypot(biased.std_error / biased.std, unbiased.std_error / unbiased.std)
    print(f"ratio {ratio:.3f} +- {error:.3f}")
    assert error < 0.25 and abs(ratio - np.sqrt(g)) < 3 * error


def test_a_slope_of_the_bias_scales_temperature_and_pressure_alike(lmp, tmp_path):
    """exp(-((1 + s) U + P V) / kT) is the ensemble of T / (1 + s) and P / (1 + s)."""
    require_engine("lammps", "plumed")
    slope, pressure_bar = -0.25, 60_000.0
    plain = plumed_input.nvt_input(10, "COLVAR", "metal")
    tilted = plain + f"RESTRAINT ARG=ene AT=0 SLOPE={slope}\n"
    found, volumes = copper(lmp, tmp_path, tilted, 12_000, T_COPPER, pressure_bar)
    hot, scaled = (one / (1 + slope) for one in (T_COPPER, pressure_bar))
    expected, expanded = copper(lmp, tmp_path, plain, 12_000, hot, scaled)
    for one, other in ((found["ene"], expected["ene"]), (volumes, expanded)):
        a, b = moments(equilibrated(one)), moments(equilibrated(other))
        assert abs(a.mean - b.mean) < 4 * np.hypot(a.mean_error, b.mean_error) < 0.5 * b.std
    # As far as a fluctuation, not more, from what the pressure itself would give.
    _, compressed = copper(lmp, tmp_path, plain, 12_000, hot, pressure_bar)
    a, b = moments(equilibrated(volumes)), moments(equilibrated(compressed))
    assert abs(a.mean - b.mean) > 8 * np.hypot(a.mean_error, b.mean_error)
