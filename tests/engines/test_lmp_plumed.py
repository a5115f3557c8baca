"""The physics of ``wtemlp lmp`` with ``fix plumed``: energies, forces, virials, atoms."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.support.argon import (
    ARGON,
    BIAS,
    FORCES,
    N_ATOMS,
    WATCH,
    cells,
    crystal,
    dump_frames,
    identifiers,
)
from tests.support.engines import Run, engine_environment, require_engine, table
from wtemlp.lammps_plumed.kernel import find_plumed_program, plumed_command_environment
from wtemlp.md import plumed_input

pytestmark = pytest.mark.engines


@pytest.fixture(autouse=True)
def _engines() -> None:
    require_engine("lammps", "plumed")


# -- the energy


@pytest.mark.parametrize("units", ["lj", "metal", "real"])
@pytest.mark.parametrize("in_thermo", ["no", "yes"])
def test_energy_is_the_unbiased_one_on_every_step(
    lmp: Run, tmp_path: Path, units: str, in_thermo: str
) -> None:
    kT = ARGON[units].kT
    (tmp_path / "plumed.dat").write_text(
        f"{ARGON[units].plumed_units}\n"
        "ene: ENERGY\n"
        f"metad: METAD ARG=ene SIGMA={5 * kT} HEIGHT={2 * kT} PACE=4 FILE=HILLS\n"
        "PRINT ARG=ene,metad.bias FILE=COLVAR FMT=%.17g\n"
    )
    modify = f"fix_modify bias energy {in_thermo}\n"
    lmp(crystal(tmp_path, units) + BIAS + modify + WATCH + "run 120\n")
    colvar, watch = table(tmp_path / "COLVAR"), table(tmp_path / "watch")
    energy, bias = colvar[:, 1], colvar[:, 2]
    assert len(colvar) == len(watch) == 121
    assert bias.max() > 5 * kT
    # What the script sees as the fix's value is the bias of the same step.
    np.testing.assert_allclose(watch[:, 2], bias, rtol=1e-12, atol=1e-12 * kT)
    unbiased = watch[:, 1] - (watch[:, 2] if in_thermo == "yes" else 0)
    np.testing.assert_allclose(energy, unbiased, rtol=1e-12)


@pytest.mark.parametrize(
    ("width", "points_for", "kept", "warned"),
    [(1.0, 1.0, 1.0, False), (0.05, 0.05, 1.0, False), (0.05, 1.0, 0.4, True)],
    ids=["usual", "narrow", "narrow, on the usual grid"],
)
def test_a_hill_keeps_its_height_on_the_grid(
    lmp: Run, tmp_path: Path, width: float, points_for: float, kept: float, warned: bool
) -> None:
    """One in the middle between two points, with sigma_NVT of 0.5 eV; PLUMED's warning is read."""
    sigma_eV, biasfactor = 0.5, 4.0
    # Hardly any time passes, so that the energy is that of the first step.
    system = crystal(tmp_path, "metal", random=0.05) + "timestep 1e-12\n"
    lmp(system + 'run 0\nprint "$(pe:%.17g)" file pe\n')
    half = plumed_input.grid_half_width(biasfactor) * sigma_eV
    bins = plumed_input.grid_bins_for(biasfactor, points_for)
    low = float((tmp_path / "pe").read_text()) - half + half / bins
    text = plumed_input.wte_input(
        biasfactor=biasfactor,
        sigma=width * sigma_eV,
        height=1.0,
        pace=1,
        temperature_K=300.0,
        grid_min=low,
        grid_max=low + 2 * half,
        grid_bins=bins,
        stride=1,
        hills="HILLS",
        colvar="COLVAR",
        units="metal",
    )
    (tmp_path / "plumed.dat").write_text(text)
    lmp(system + BIAS + "run 2\n")
    height = table(tmp_path / "HILLS")[0, 3] / (biasfactor / (biasfactor - 1))
    bias = table(tmp_path / "COLVAR")[2, 2]
    assert bias == pytest.approx(kept * height, rel=0.05 if warned else 1e-3)
    lines = plumed_input.warnings_in(*tmp_path.glob("*.log"))
    assert any("Grid Spacing" in line for line in lines) == warned and len(lines) == warned


def test_energy_is_tallied_when_plumed_needs_it_only(lmp: Run, tmp_path: Path) -> None:
    (tmp_path / "plumed.dat").write_text("e: ENERGY\nPRINT ARG=e STRIDE=7 FILE=COLVAR FMT=%.15g\n")
    # compute pe does not have its energy tallied by being read through a fix's variable once.
    lmp(crystal(tmp_path) + "thermo 10000\n" + BIAS + "run 40\n")
    first = table(tmp_path / "COLVAR")
    (tmp_path / "COLVAR").unlink()
    lmp(crystal(tmp_path) + BIAS + WATCH + "run 40\n")
    np.testing.assert_array_equal(first, table(tmp_path / "COLVAR"))
    np.testing.assert_allclose(first[:, 1], table(tmp_path / "watch")[::7, 1], rtol=1e-12)


def test_energy_plus_static_bias_is_conserved(lmp: Run, tmp_path: Path) -> None:
    start = crystal(tmp_path) + "timestep 0.002\nrun 1000\nreset_timestep 0\n"
    steps = "run 2000\n"
    lmp(start + WATCH.replace("$(f_bias:%.17g)", "0") + steps)
    plain = table(tmp_path / "watch")
    (tmp_path / "plumed.dat").write_text(
        f"e: ENERGY\nr: RESTRAINT ARG=e AT={plain[:, 1].mean()} KAPPA=0.02 SLOPE=-0.3\n"
    )
    lmp(start + BIAS + "fix_modify bias energy yes\n" + WATCH + steps)
    biased = table(tmp_path / "watch")
    noise = plain[:, 3].std()
    assert biased[:, 2].std() > 100 * noise  # the bias does something
    assert biased[:, 3].std() < 2 * noise
    drift = np.polyfit(biased[:, 0], biased[:, 3], 1)[0] * len(biased)
    assert abs(drift) < 5 * noise


# -- the forces


def hills_file(path: Path, hills: list[tuple[float, float, float]]) -> None:
    """A HILLS file of (centre, sigma, height)."""
    rows = "".join(
        f"{i} {centre:.17g} {sigma:.17g} {height:.17g} 1\n"
        for i, (centre, sigma, height) in enumerate(hills)
    )
    path.write_text(
        "#! FIELDS time ene sigma_ene height biasf\n#! SET multivariate false\n"
        f"#! SET kerneltype stretched-gaussian\n{rows}"
    )


def slope_of(hills: list[tuple[float, float, float]], energy: float) -> float:
    """dV/dU of PLUMED's hills: Gaussians cut at 6.25 and stretched to be zero there."""
    cut = np.exp(-6.25)
    total = 0.0
    for centre, sigma, height in hills:
        exponent = 0.5 * ((energy - centre) / sigma) ** 2
        if exponent < 6.25:
            total -= height * np.exp(-exponent) / (1 - cut) * (energy - centre) / sigma**2
    return total


@pytest.mark.parametrize("tilt", [0, 0.7])
@pytest.mark.parametrize("ids", ["sorted", "unsorted", "gaps"])
def test_biased_force_is_one_plus_slope_times_the_force(
    lmp: Run, tmp_path: Path, ids: str, tilt: float
) -> None:
    system = crystal(tmp_path, ids=ids, tilt=tilt, random=0.05)
    lmp(system + FORCES + "variable u equal pe\nrun 0\n" + 'print "$(v_u:%.17g)" file energy\n')
    bare = dump_frames(tmp_path / "forces", 4)[0]
    energy = float((tmp_path / "energy").read_text())
    hills = [(energy + 3, 5.0, 9.5), (energy - 6, 4.0, 2.5), (energy + 50, 2.0, 9.0)]
    hills_file(tmp_path / "HILLS", hills)
    (tmp_path / "plumed.dat").write_text(
        "ene: ENERGY\nm: METAD ARG=ene SIGMA=1 HEIGHT=0 PACE=1000000 FILE=HILLS RESTART=YES\n"
    )
    lmp(system + BIAS + FORCES + "run 0\n")
    biased = dump_frames(tmp_path / "forces", 4)[0]
    factor = 1 + slope_of(hills, energy)
    assert abs(factor - 1) > 0.1
    np.testing.assert_array_equal(biased[:, 0], bare[:, 0])
    np.testing.assert_allclose(biased[:, 1:], factor * bare[:, 1:], rtol=1e-10, atol=1e-12)


# -- the virial

PRESSURE = (
    "thermo_style custom step pe press pxx pyy pzz pxy pxz pyz vol\n"
    "compute bare all pressure NULL pair\ncompute all all pressure NULL virial\n"
    "variable vol equal vol\n"
)


def pressures(names: str) -> str:
    """A print command for the six components of two computes."""
    parts = [f"$(c_{name}[{i}]:%.17g)" for name in names.split() for i in range(1, 7)]
    return f'print "{" ".join(parts)}" file pressures\n'


@pytest.mark.parametrize("tails", ["", "pair_modify shift no tail yes\n"], ids=["cut", "tails"])
def test_virial_under_an_energy_bias_is_scaled_as_the_forces(
    lmp: Run, tmp_path: Path, tails: str
) -> None:
    """Tail corrections are part of the virial that PLUMED rescales."""
    (tmp_path / "plumed.dat").write_text("e: ENERGY\nr: RESTRAINT ARG=e AT=0 SLOPE=-0.3 KAPPA=0\n")
    tensors = "thermo_style custom step pe c_bare[1] c_all[1]\n"
    system = crystal(tmp_path, tilt=0.7, random=0.05)
    lmp(system + tails + BIAS + PRESSURE + tensors + "run 0\n" + pressures("bare all"))
    bare, biased = table(tmp_path / "pressures")[0].reshape(2, 6)
    assert abs(bare).min() > 1e-3
    np.testing.assert_allclose(biased, 0.7 * bare, rtol=1e-10)


@pytest.mark.parametrize(
    "bias",
    [
        "e: ENERGY\nr: RESTRAINT ARG=e AT=-500 SLOPE=0.2 KAPPA=0.01\n",
        "d: DISTANCE ATOMS=1,108 NOPBC\nr: RESTRAINT ARG=d AT=0 SLOPE=3 KAPPA=2\n",
        "c: COORDINATION GROUPA=1-20 GROUPB=50-90 R_0=1.5\nr: RESTRAINT ARG=c AT=9 KAPPA=0.5\n",
    ],
    ids=["energy", "distance", "coordination"],
)
def test_pressure_of_the_bias_is_minus_its_derivative_by_volume(
    lmp: Run, tmp_path: Path, bias: str
) -> None:
    (tmp_path / "plumed.dat").write_text(bias)
    tail = (
        "thermo_style custom step pe c_bare c_all\nrun 0\n"
        'print "$(f_bias:%.17g) $(vol:%.17g) $(c_bare:%.17g) $(c_all:%.17g)" file scaled\n'
    )
    results = {}
    for scale in (1 - 1e-5, 1.0, 1 + 1e-5):
        lmp(crystal(tmp_path, random=0.05, scale=scale) + BIAS + PRESSURE + tail)
        results[scale] = table(tmp_path / "scaled")[0]
    (v0, vol0, *_), (_, _, bare, total), (v1, vol1, *_) = results.values()
    numerical = -(v1 - v0) / (vol1 - vol0)
    assert abs(numerical) > 1e-3
    assert total - bare == pytest.approx(numerical, rel=1e-5)


COPPER = """\
units metal
lattice fcc 3.68
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
pair_style eam
pair_coeff 1 1 Cu_u3.eam
velocity all create 2000 4928459 mom yes
timestep 0.002
"""


@pytest.mark.parametrize("system", ["argon", "argon with tails", "copper"])
def test_enthalpy_is_conserved_under_an_energy_bias_and_a_barostat(
    lmp: Run, tmp_path: Path, system: str
) -> None:
    """Tails too: PLUMED scales their virial with the rest, as is right for a part of the energy."""
    start = crystal(tmp_path).replace("fix nve all nve\n", "") + "timestep 0.002\n"
    if system == "argon with tails":
        start = start.replace("pair_modify shift yes", "pair_modify tail yes")
    units, barostat = "", "fix nph all nph aniso 0.5 0.5 0.5\n"
    if system == "copper":
        start, units = COPPER, "UNITS LENGTH=A TIME=ps ENERGY=eV\n"
        barostat = "fix nph all nph aniso 0 0 0.5\n"
    watch = (
        'fix watch all print 1 "$(econserve:%.17g) $(pe:%.17g) $(vol:%.17g)" file watch screen no\n'
    )
    lmp(start + barostat + watch + "run 1500\n")
    plain = table(tmp_path / "watch")
    bias = f"e: ENERGY\nr: RESTRAINT ARG=e AT={plain[:, 1].mean()} KAPPA=0.01 SLOPE=-0.25\n"
    (tmp_path / "plumed.dat").write_text(units + bias)
    lmp(start + BIAS + "fix_modify bias energy yes\n" + barostat + watch + "run 1500\n")
    biased = table(tmp_path / "watch")
    assert np.ptp(biased[:, 2]) > 5  # the volume moves
    assert biased[:, 0].std() < 2 * plain[:, 0].std()
    # The test is sensitive: without the bias's virial the enthalpy is not conserved.
    lmp(start + BIAS + "fix_modify bias energy yes virial no\n" + barostat + watch + "run 1500\n")
    without = table(tmp_path / "watch")
    print([one[:, 0].std() for one in (plain, biased, without)])
    # With tails the energy jumps at the cut-off, biased or not.
    worse = {"argon": 50, "argon with tails": 5, "copper": 20}[system]
    assert without[:, 0].std() > worse * biased[:, 0].std()


# -- the atoms


def variables(number: np.ndarray) -> str:
    """Collective variables of some atoms, given the numbers of all in ascending order."""

    def atoms(first: int, last: int) -> str:
        return ",".join(map(str, number[first - 1 : last]))

    return f"""\
d: DISTANCE ATOMS={number[0]},{number[76]}
a: ANGLE ATOMS={number[4]},{number[59]},{number[107]}
c: COORDINATION GROUPA={atoms(1, 30)} GROUPB={atoms(40, 100)} R_0=1.2
com: COM ATOMS={atoms(1, 40)}
g: DISTANCE ATOMS=com,{number[89]}
PRINT ARG=d,a,c,g FILE=COLVAR FMT=%.14g
"""


@pytest.mark.parametrize("tilt", [0, 0.7])
@pytest.mark.parametrize("ids", ["sorted", "unsorted", "gaps"])
def test_variables_are_those_of_plumed_driver(
    lmp: Run, tmp_path: Path, ids: str, tilt: float
) -> None:
    require_engine("plumed_program")
    # The driver numbers atoms from 1 in the order of the sorted dump.
    (tmp_path / "driver.dat").write_text(variables(np.arange(1, N_ATOMS + 1)))
    (tmp_path / "plumed.dat").write_text(variables(np.sort(identifiers(ids))))
    lmp(
        # Sorted often, so that the local order changes under PLUMED.
        crystal(tmp_path, ids=ids, tilt=tilt, random=0.05, sort="3 0.7")
        + "neigh_modify every 2 delay 0 check no\n"
        + BIAS
        + "dump x all custom 1 positions id x y z\n"
        + 'dump_modify x sort id format float "%.17g"\nrun 60\n'
    )
    embedded = table(tmp_path / "COLVAR")
    driver(tmp_path, dump_frames(tmp_path / "positions", 4), cells(tmp_path / "positions"))
    reference = table(tmp_path / "COLVAR")
    assert embedded.shape == (61, 5)
    assert np.ptp(embedded[:, 1:], axis=0).min() > 1e-3
    np.testing.assert_allclose(embedded[:, 1:], reference[:, 1:], rtol=1e-9)


def driver(folder: Path, frames: np.ndarray, cell: np.ndarray) -> None:
    """Run ``plumed driver`` on positions, in natural units."""
    header = " ".join(f"{x:.17g}" for x in cell.ravel())
    with (folder / "positions.xyz").open("w") as file:
        for frame in frames:
            rows = "".join("X {:.17g} {:.17g} {:.17g}\n".format(*row[1:]) for row in frame)
            file.write(f"{len(frame)}\n{header}\n{rows}")
    command = [str(find_plumed_program()), "driver", "--natural-units", "--plumed", "driver.dat"]
    done = subprocess.run(
        [*command, "--ixyz", "positions.xyz"],
        cwd=folder,
        env=plumed_command_environment(engine_environment()),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("ids", ["unsorted", "gaps"])
def test_bias_on_a_variable_conserves_energy(lmp: Run, tmp_path: Path, ids: str) -> None:
    start = crystal(tmp_path, ids=ids, random=0.03, sort="3 0.7") + "timestep 0.002\n"
    start += "neigh_modify every 2 delay 0 check no\nrun 200\nreset_timestep 0\n"
    lmp(start + WATCH.replace("$(f_bias:%.17g)", "0") + "run 1500\n")
    noise = table(tmp_path / "watch")[:, 3].std()
    number = np.sort(identifiers(ids))
    groups = ",".join(map(str, number[:30])), ",".join(map(str, number[40:90]))
    (tmp_path / "plumed.dat").write_text(
        f"c: COORDINATION GROUPA={groups[0]} GROUPB={groups[1]} R_0=1.3\n"
        "r: RESTRAINT ARG=c AT=60 KAPPA=0.05\n"
    )
    lmp(start + BIAS + "fix_modify bias energy yes\n" + WATCH + "run 1500\n")
    biased = table(tmp_path / "watch")
    assert biased[:, 2].std() > 100 * noise
    assert biased[:, 3].std() < 3 * noise


def test_masses_and_charges_follow_their_atoms(lmp: Run, tmp_path: Path) -> None:
    (tmp_path / "plumed.dat").write_text(
        "com: COM ATOMS=1-40 NOPBC\nd: DISTANCE ATOMS=com,90 NOPBC COMPONENTS\n"
        "p: DIPOLE GROUP=1-40 COMPONENTS NOPBC\n"
        "PRINT ARG=d.x,d.y,d.z,p.x,p.y,p.z FILE=COLVAR FMT=%.14g\n"
    )
    lmp(
        "units lj\natom_style charge\natom_modify map array sort 2 0.7\n"
        "region box block 0 5.13 0 5.13 0 5.13\ncreate_box 2 box\nlattice fcc 0.8\n"
        "create_atoms 1 box\nmass 1 1\nmass 2 7\n"
        "set group all type/fraction 2 0.4 9\nvariable q atom 0.1*type-0.14+0.001*id\n"
        "set group all charge v_q\npair_style zero 2.3\npair_coeff * *\n"
        "velocity all create 1 7\nfix nve all nve\ntimestep 0.002\n"
        "neigh_modify every 2 delay 0 check no\n" + BIAS + "dump x all custom 1 atoms id type q"
        ' x y z\ndump_modify x sort id format float "%.17g"\nrun 20\n'
    )
    atoms, colvar = dump_frames(tmp_path / "atoms", 6), table(tmp_path / "COLVAR")
    mass = np.where(atoms[:, :40, 1] == 2, 7.0, 1.0)[..., None]
    x, charge = atoms[:, :, 3:6], atoms[:, :40, 2:3]
    assert len(np.unique(mass)) == 2
    centre = (mass * x[:, :40]).sum(1) / mass.sum(1)
    dipole = ((charge - charge.mean(1, keepdims=True)) * x[:, :40]).sum(1)
    np.testing.assert_allclose(colvar[:, 1:4], x[:, 89] - centre, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(colvar[:, 4:7], dipole, rtol=1e-9, atol=1e-9)
