"""The snippets of the page on other packages run, each where what it imports is installed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ase.build import add_adsorbate, fcc111, molecule
from ase.constraints import FixAtoms

from equical import EquiCalc

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "pages" / "other-packages.md").read_text("utf-8")
SNIPPETS = {
    title.split()[0]: re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE)
}
MODULES = {
    "matcalc": "matcalc", "janus-core": "janus_core", "Sella": "sella", "CatBench": "catbench",
    "phonopy": "ase._4.plugins",
}  # fmt: skip
"""What the snippets below each heading import."""


def run(snippet: str, folder: Path) -> str:
    """Run a snippet in a process of its own: other packages warn, and set things for all that follows.

    Returns:
        What it printed.
    """
    done = subprocess.run(
        [sys.executable, "-c", snippet], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def write_reaction(folder: Path) -> None:
    """One reaction in CatBench's format, O on Pt(111), with the model's own energies for references."""
    from catbench.utils.data_utils import save_catbench_json

    slab = fcc111("Pt", (1, 1, 3), a=3.99, vacuum=6, periodic=True)
    slab.set_constraint(FixAtoms(range(2)))
    with_oxygen = slab.copy()
    add_adsorbate(with_oxygen, "O", 1.2, "fcc")
    slab.info.clear()
    with_oxygen.info.clear()
    water, hydrogen = molecule("H2O"), molecule("H2")
    for gas in (water, hydrogen):
        gas.center(vacuum=4)
        gas.pbc = True
    parts = {"star": (-1, slab), "Ostar": (1, with_oxygen), "H2Ogas": (-1, water), "H2gas": (1, hydrogen)}
    calculator, raw = EquiCalc("catalysis-rpbe", dtype="float64"), {}
    for name, (number, atoms) in parts.items():
        energy = float(calculator.get_potential_energy(atoms))
        raw[name] = {"stoi": number, "atoms": atoms, "energy_ref": energy}
    total = sum(part["stoi"] * part["energy_ref"] for part in raw.values())
    reaction = {"raw": raw, "ref_ads_eng": total, "adsorbate_indices": [len(slab)]}
    (folder / "raw_data").mkdir()
    save_catbench_json({"Pt111_O": reaction}, str(folder / "raw_data" / "mine_adsorption.json"))


def test_every_snippet_of_the_page_is_known():
    assert {title for title, blocks in SNIPPETS.items() if blocks} == MODULES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("title", MODULES)
def test_snippets_run(title, tmp_path):
    pytest.importorskip(MODULES[title], exc_type=ImportError)
    if title == "CatBench":
        write_reaction(tmp_path)
    for snippet in SNIPPETS[title]:
        run(snippet, tmp_path)
    if title == "CatBench":
        assert list(tmp_path.glob("result/catalysis-rpbe/*_result.json"))
