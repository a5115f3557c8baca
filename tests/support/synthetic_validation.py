"""A validation's record made of numbers with known properties."""

import numpy as np

from wtemlp.records.validation_record import (
    GOOD,
    NOT_GOOD,
    BinError,
    Check,
    Curve,
    Diffusion,
    Estimate,
    MdRun,
    Parity,
    Validation,
)


def _md(
    rng: np.random.Generator,
    potential: str,
    model: int | None,
    ensemble: str,
    target: float,
    failed: str = "",
) -> MdRun:
    r = np.arange(0.05, 4.8, 0.1)
    wrong = 0.03 * (model or 0)
    g = (1 + 1.8 * np.exp(-((r - 2.8 - wrong) ** 2) / 0.05)) * (r > 2.4)
    u = np.linspace(-1.5, 1.5, 40)
    t = np.arange(1.0, 20.0, 0.5) if not failed else np.arange(1.0, 4.0, 0.5)
    lags = np.arange(0.0, 10.0, 0.2)
    curves = {"temperature": Curve(list(t), list(target + 18 * rng.normal(size=len(t))))}
    if not failed and ensemble == "nvt":
        curves |= {
            "rdf O-O": Curve(list(r), list(g), [0.05] * len(r)),
            "rdf O-H": Curve(list(r), list(g / 2)),
            "torsion oh": Curve(list(t), list(np.exp(np.cos(t - wrong)) / 8), [0.01] * len(t)),
            "energy": Curve(list(u - 640), list(np.exp(-(u**2) / 0.3) / np.sqrt(0.3 * np.pi))),
        }
    d = 2.4 * target / 300 + 0.1 * (model or 0)
    if not failed and ensemble == "nve":
        curves |= {
            "msd O": Curve(list(lags), list(0.6 * d * lags), list(0.05 * lags)),
            "vacf O": Curve(list(lags / 10), list(np.exp(-lags) * np.cos(2 * lags))),
        }
    slow = (Diffusion("O", Estimate(d, 0.1), Estimate(d + 0.5, 0.12), 0.8, (2.0, 8.0), 1.01),)
    return MdRun(
        potential,
        model,
        ensemble,
        target,
        f"validation/{ensemble}.{target:g}.{model}",
        0.5,
        96,
        40000,
        8000 if failed else 40000,
        failed,
        temperature_K=Estimate(target + 0.4, 1.2),
        temperature_std_K=25.2,
        temperature_std_expected_K=25.3,
        total_energy_drift_meV_atom_ns=Estimate(0.4, 0.2) if ensemble == "nve" else None,
        diffusion=slow if ensemble == "nve" and not failed else (),
        curves=curves,
    )


def validation(temperatures: tuple[float, ...] = (300.0, 350.0), seed: int = 3) -> Validation:
    """Two models against a reference; the second one ends early at the highest temperature."""
    rng = np.random.default_rng(seed)
    md = []
    for target in temperatures:
        for ensemble in ("nvt", "nve"):
            md.append(_md(rng, "reference", None, ensemble, target))
            for model in (0, 1):
                bad = model == 1 and target == max(temperatures) and ensemble == "nvt"
                failed = "temperature 1204 K at step 8000" if bad else ""
                md.append(_md(rng, "model", model, ensemble, target, failed))
    label = -150.0 + 0.01 * rng.normal(size=60)
    force = rng.normal(size=90)
    parity = [
        Parity(
            "held out",
            model,
            60,
            1.2,
            0.9,
            80.0,
            tuple(
                BinError(-150.02 + 0.01 * i, -150.01 + 0.01 * i, 15, 1.0 + 0.2 * i, 70.0 + 9 * i)
                for i in range(4)
            ),
            tuple((float(a), float(a + 0.001 * rng.normal())) for a in label),
            tuple((float(a), float(a + 0.08 * rng.normal())) for a in force),
        )
        for model in (0, 1)
    ]
    checks = (
        Check("temperature at 300 K (NVT, model 0)", "300.4 K", "within 3 errors of 300 K", GOOD),
        Check(
            "stability at 350 K (NVT, model 1)",
            "8000 of 40000 steps",
            "all steps",
            NOT_GOOD,
            "temperature 1204 K at step 8000",
        ),
    )
    return Validation(
        2,
        (0, 1),
        "flexible TIP3P",
        "The models are not to be trusted at 350 K.",
        NOT_GOOD,
        tuple(md),
        tuple(parity),
        checks,
        {"O-O 300 K": Estimate(0.031, 0.004)},
        {"lammps": "2025.7.22"},
        812.0,
    )
