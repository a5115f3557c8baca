"""The methods and programs that a run stands on, to be cited with its results."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Citation:
    """A reference and what it is cited for."""

    key: str
    purpose: str
    authors: str
    title: str
    journal: str
    volume: str
    pages: str
    year: int
    doi: str

    def bibtex(self) -> str:
        """The reference as a BibTeX entry."""
        fields = {
            "author": self.authors,
            "title": "{" + self.title + "}",
            "journal": self.journal,
            "volume": self.volume,
            "pages": self.pages,
            "year": str(self.year),
            "doi": self.doi,
        }
        body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
        return f"@article{{{self.key},\n{body}}}"


CITATIONS = (
    Citation(
        "Bonomi2010WTE",
        "well-tempered ensemble",
        "Bonomi, M. and Parrinello, M.",
        "Enhanced Sampling in the Well-Tempered Ensemble",
        "Phys. Rev. Lett.",
        "104",
        "190601",
        2010,
        "10.1103/PhysRevLett.104.190601",
    ),
    Citation(
        "Barducci2008WTMetaD",
        "well-tempered metadynamics",
        "Barducci, A. and Bussi, G. and Parrinello, M.",
        "Well-Tempered Metadynamics: A Smoothly Converging and Tunable Free-Energy Method",
        "Phys. Rev. Lett.",
        "100",
        "020603",
        2008,
        "10.1103/PhysRevLett.100.020603",
    ),
    Citation(
        "Zhang2019DPGEN",
        "active learning by the deviation of an ensemble",
        "Zhang, L. and Lin, D.-Y. and Wang, H. and Car, R. and E, W.",
        "Active Learning of Uniformly Accurate Interatomic Potentials for Materials Simulation",
        "Phys. Rev. Materials",
        "3",
        "023804",
        2019,
        "10.1103/PhysRevMaterials.3.023804",
    ),
    Citation(
        "Zhang2020DPGEN",
        "DP-GEN: scheme, file formats and layout",
        "Zhang, Y. and Wang, H. and Chen, W. and Zeng, J. and Zhang, L. and Wang, H. and E, W.",
        "DP-GEN: A Concurrent Learning Platform for the Generation of Reliable Deep Learning "
        "Based Potential Energy Models",
        "Comput. Phys. Commun.",
        "253",
        "107206",
        2020,
        "10.1016/j.cpc.2020.107206",
    ),
    Citation(
        "Wang2018DeePMD",
        "DeePMD-kit",
        "Wang, H. and Zhang, L. and Han, J. and E, W.",
        "DeePMD-kit: A Deep Learning Package for Many-Body Potential Energy Representation and "
        "Molecular Dynamics",
        "Comput. Phys. Commun.",
        "228",
        "178--184",
        2018,
        "10.1016/j.cpc.2018.03.016",
    ),
    Citation(
        "Zeng2023DeePMD",
        "DeePMD-kit",
        "Zeng, J. and Zhang, D. and Lu, D. and Mo, P. and Li, Z. and others",
        "DeePMD-kit v2: A Software Package for Deep Potential Models",
        "J. Chem. Phys.",
        "159",
        "054801",
        2023,
        "10.1063/5.0155600",
    ),
    Citation(
        "Zeng2025DeePMD",
        "DeePMD-kit, version 3",
        "Zeng, J. and Zhang, D. and Peng, A. and Zhang, X. and He, S. and others",
        "DeePMD-kit v3: A Multiple-Backend Framework for Machine Learning Potentials",
        "J. Chem. Theory Comput.",
        "21",
        "4375--4385",
        2025,
        "10.1021/acs.jctc.5c00340",
    ),
    Citation(
        "Zhang2018DeepPotSE",
        "smooth descriptor se_e2_a",
        "Zhang, L. and Han, J. and Wang, H. and Saidi, W. A. and Car, R. and E, W.",
        "End-to-End Symmetry Preserving Inter-Atomic Potential Energy Model for Finite and "
        "Extended Systems",
        "Adv. Neural Inf. Process. Syst.",
        "31",
        "4436--4446",
        2018,
        "10.48550/arXiv.1805.09003",
    ),
    Citation(
        "Thompson2022LAMMPS",
        "LAMMPS",
        "Thompson, A. P. and Aktulga, H. M. and Berger, R. and Bolintineanu, D. S. and "
        "Brown, W. M. and Crozier, P. S. and in 't Veld, P. J. and Kohlmeyer, A. and "
        "Moore, S. G. and Nguyen, T. D. and Shan, R. and Stevens, M. J. and Tranchida, J. and "
        "Trott, C. and Plimpton, S. J.",
        "LAMMPS - a Flexible Simulation Tool for Particle-Based Materials Modeling at the "
        "Atomic, Meso, and Continuum Scales",
        "Comput. Phys. Commun.",
        "271",
        "108171",
        2022,
        "10.1016/j.cpc.2021.108171",
    ),
    Citation(
        "Tribello2014PLUMED",
        "PLUMED",
        "Tribello, G. A. and Bonomi, M. and Branduardi, D. and Camilloni, C. and Bussi, G.",
        "PLUMED 2: New Feathers for an Old Bird",
        "Comput. Phys. Commun.",
        "185",
        "604--613",
        2014,
        "10.1016/j.cpc.2013.09.018",
    ),
    Citation(
        "PLUMED2019",
        "PLUMED",
        "{The PLUMED consortium}",
        "Promoting Transparency and Reproducibility in Enhanced Molecular Simulations",
        "Nat. Methods",
        "16",
        "670--673",
        2019,
        "10.1038/s41592-019-0506-8",
    ),
    Citation(
        "Bussi2007CSVR",
        "CSVR thermostat",
        "Bussi, G. and Donadio, D. and Parrinello, M.",
        "Canonical Sampling through Velocity Rescaling",
        "J. Chem. Phys.",
        "126",
        "014101",
        2007,
        "10.1063/1.2408420",
    ),
    Citation(
        "Martinez2009Packmol",
        "Packmol",
        "Martínez, L. and Andrade, R. and Birgin, E. G. and Martínez, J. M.",
        "PACKMOL: A Package for Building Initial Configurations for Molecular Dynamics Simulations",
        "J. Comput. Chem.",
        "30",
        "2157--2164",
        2009,
        "10.1002/jcc.21224",
    ),
    Citation(
        "Chodera2007",
        "statistical inefficiency",
        "Chodera, J. D. and Swope, W. C. and Pitera, J. W. and Seok, C. and Dill, K. A.",
        "Use of the Weighted Histogram Analysis Method for the Analysis of Simulated and Parallel "
        "Tempering Simulations",
        "J. Chem. Theory Comput.",
        "3",
        "26--41",
        2007,
        "10.1021/ct0502864",
    ),
    Citation(
        "Jorgensen1983TIP3P",
        "TIP3P water",
        "Jorgensen, W. L. and Chandrasekhar, J. and Madura, J. D. and Impey, R. W. and "
        "Klein, M. L.",
        "Comparison of Simple Potential Functions for Simulating Liquid Water",
        "J. Chem. Phys.",
        "79",
        "926--935",
        1983,
        "10.1063/1.445869",
    ),
    Citation(
        "MichaudAgrawal2011",
        "MDAnalysis (radial distributions)",
        "Michaud-Agrawal, N. and Denning, E. J. and Woolf, T. B. and Beckstein, O.",
        "MDAnalysis: A Toolkit for the Analysis of Molecular Dynamics Simulations",
        "J. Comput. Chem.",
        "32",
        "2319--2327",
        2011,
        "10.1002/jcc.21787",
    ),
)
