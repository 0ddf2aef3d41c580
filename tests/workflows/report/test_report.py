"""Every workflow's page says what its result says, and shows the structures it is about."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.io import write

import equical
from equical.errors import InputError
from equical.html import Link
from equical.workflows.common.finished import FinishedRun
from equical.workflows.report.run import PAGES, page_of
from tests.html.test_page import HOSTILE, Reader
from tests.workflows.neb.test_neb import oxygen_on_platinum

# The runs are as short as can be, and say so.
pytestmark = pytest.mark.filterwarnings("ignore::equical.workflows.common.notes.WorkflowWarning")


def rattled(atoms):
    atoms.rattle(0.05, seed=1)
    return atoms


def run_relax(folder):
    return equical.relax(rattled(bulk("Cu", cubic=True)), EMT(), output=folder)


def run_many(folder):
    structures = [rattled(bulk("Cu", cubic=True)), bulk("Si"), bulk("Al")]  # EMT knows no silicon
    return equical.relax_many(structures, EMT(), output=folder)


def run_neb(folder):
    return equical.neb(*oxygen_on_platinum(), EMT(), images=3, steps=2, output=folder)


def run_vib(folder):
    water = equical.relax(molecule("H2O"), EMT(), fmax=0.001).atoms
    return equical.vib(water, EMT(), output=folder)


def run_eos(folder):
    return equical.eos(bulk("Cu"), EMT(), num_points=7, output=folder)


def run_elastic(folder):
    return equical.elastic(bulk("Cu", a=3.5898), EMT(), output=folder)


def run_phonon(folder):
    return equical.phonon(bulk("Cu", a=3.5898), EMT(), supercell=(2, 2, 2), output=folder)


def run_qha(folder):
    few = {"supercell": (2, 2, 2), "mesh": 10.0, "num_volumes": 5, "temperatures": [0, 100]}
    return equical.qha(bulk("Cu"), EMT(), output=folder, **few)


def run_md(folder):
    return equical.md(bulk("Cu", cubic=True), EMT(), temperature=300, steps=20, interval=2, output=folder)


def run_adsorb(folder):
    slab = fcc111("Pt", (1, 1, 3), a=3.92, vacuum=6)
    return equical.adsorption_energy(slab, "O", EMT(), sites=["fcc", "top"], steps=5, output=folder)


def run_search(folder):
    return equical.search("Cu", EMT(), structures=4, units=(1, 2), seed=1, output=folder)


def run_screen(folder):
    table = [{"bulk": "Pt", "facets": "111", "adsorbates": "H O", "size": "1x1", "layers": 2, "keep_bulk": True}]
    return equical.screen(table, EMT, sites=["top"], workers=0, steps=30, output=folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The run of a workflow, done once: result and folder."""
    done = {}

    def get(name):
        if name not in done:
            folder = tmp_path_factory.mktemp("runs") / name
            done[name] = globals()[f"run_{name}"](folder), folder
        return done[name]

    return get


def shown(page):
    return {fact.name: fact.value for fact in page.facts}


@pytest.mark.parametrize(
    "name", ["relax", "many", "neb", "vib", "eos", "elastic", "phonon", "qha", "md", "adsorb", "search", "screen"]
)
def test_a_page_says_how_it_went_and_has_structures(finished, name):
    result, folder = finished(name)
    page = page_of(FinishedRun.read(folder))
    assert page.good == result.converged
    assert page.warnings == list(result.warnings)
    assert page.structures
    assert any("equical" in line for line in page.footer)
    path = equical.report(folder)
    assert path == folder / "report.html"
    assert page.title in Reader(path.read_text("utf-8")).text


def test_every_step_of_a_relaxation_has_a_row_that_shows_it(finished):
    result, folder = finished("relax")
    page = page_of(FinishedRun.read(folder))
    table = page.tables[0]
    assert np.allclose([row[1] for row in table.rows], result.energies)
    assert np.allclose([row[2] for row in table.rows], result.max_forces)
    assert table.links == [Link("relaxation", step) for step in range(result.steps + 1)]
    assert np.allclose(page.structures[0].images[-1].positions, result.atoms.positions)
    assert page.first == table.links[-1]
    assert shown(page)["energy"] == pytest.approx(result.energy)


def test_where_the_cell_was_relaxed_its_pressure_is_shown(tmp_path):
    result = equical.relax(bulk("Cu", a=3.55), EMT(), cell="free", steps=3, output=tmp_path)
    table = page_of(FinishedRun.read(tmp_path)).tables[0]
    assert [column.name for column in table.columns][-1] == "pressure"
    assert table.rows[0][-1] > 1  # squeezed
    assert table.rows[-1][-1] == pytest.approx(result.to_json()["pressure"], abs=1e-6)


def test_structures_that_could_not_be_relaxed_have_a_reason_and_no_picture(finished):
    page = page_of(FinishedRun.read(finished("many")[1]))
    rows, links = page.tables[0].rows, page.tables[0].links
    assert [row[1] for row in rows] == ["Cu4", "Si2", "Al"]
    assert [link is None for link in links] == [False, True, False]
    assert "Si" in rows[1][-1] and rows[0][-1] is None
    formulas = {one.name: one.images[0].get_chemical_formula() for one in page.structures}
    assert formulas == {links[0]: "Cu4", links[2]: "Al"}


def test_images_of_a_path(finished):
    result, folder = finished("neb")
    page = page_of(FinishedRun.read(folder))
    assert np.allclose([row[2] for row in page.tables[0].rows], result.energies - result.energies[0])
    assert page.first == Link("path", result.highest)
    assert len(page.structures[0].images) == 5


def test_volumes_of_a_crystal_that_expands_show_it(finished):
    result, folder = finished("qha")
    page = page_of(FinishedRun.read(folder))
    against, volumes = page.tables[:2]
    assert [row[:2] for row in against.rows] == list(
        zip(result.temperatures, result.equilibrium.volume.tolist(), strict=True)
    )
    assert [row[1] for row in volumes.rows] == result.volumes.tolist()
    shown_at = {one.name: one.images[0].get_volume() for one in page.structures}
    assert [shown_at[name] for name in volumes.links] == pytest.approx(result.volumes)


def test_modes_swing(finished):
    result, folder = finished("vib")
    page = page_of(FinishedRun.read(folder))
    assert np.allclose([row[1] for row in page.tables[0].rows], result.frequencies)
    modes = [one for one in page.structures if one.loops]
    assert [one.name for one in modes] == page.tables[0].links
    assert all(len(one.images) == 16 for one in modes)
    assert shown(page)["point group"] == "C2v"


def test_configurations_are_shown_as_they_ended_and_as_they_were_placed(finished):
    result, folder = finished("adsorb")
    page = page_of(FinishedRun.read(folder))
    table, structures = page.tables[0], {one.name: one for one in page.structures}
    assert [row[0] for row in table.rows] == [one.name for one in result.configurations]
    assert [row[2] for row in table.rows] == [one.adsorption_energy for one in result.configurations]
    for configuration, link in zip(result.configurations, table.links, strict=True):
        images = structures[link.structure].images
        assert link == Link(configuration.name, 1)
        assert np.allclose(images[1].positions, configuration.atoms.positions)
        assert not np.allclose(images[0].positions, images[1].positions)
    assert list(structures)[-3:] == ["bare slab", *(f"{one.name} (gas)" for one in result.references)]


def test_what_a_search_has_found_by_rank(finished):
    result, folder = finished("search")
    page = page_of(FinishedRun.read(folder))
    table = page.tables[0]
    assert [row[3] for row in table.rows] == [one.energy_per_atom for one in result.found]
    assert table.links == [one.name for one in page.structures] and page.first == table.links[0]
    shown_first = page.structures[0].images[0]
    assert np.allclose(shown_first.cell, result.best.atoms.cell) and len(shown_first) == len(result.best.atoms)
    places = shown_first.get_scaled_positions(wrap=False)
    assert (places > -0.01).all() and (places < 1.01).all()  # where one looks for them: in the cell


def test_each_adsorbate_of_a_screening_shows_its_best_configuration(finished):
    result, folder = finished("screen")
    page = page_of(FinishedRun.read(folder))
    table = page.tables[0]
    assert [(row[0], row[1], row[2]) for row in table.rows] == [
        (one.surface, one.adsorbate, one.adsorption_energy) for one in result.adsorptions
    ]
    assert [one.name for one in page.structures] == [link for link in table.links if link]
    assert "H on" in page.structures[0].name and "H" in page.structures[0].images[0].symbols


def test_averages_of_dynamics(finished):
    result, folder = finished("md")
    page = page_of(FinishedRun.read(folder))
    assert shown(page)["temperature"] == pytest.approx(result.temperature.mean)
    assert page.structures[0].labels[-1] == f"{result.time:g} ps"


def test_names_from_files_are_text(tmp_path):
    """Of a run whose result was tampered with."""
    result = {"converged": True, "warnings": [HOSTILE], HOSTILE: HOSTILE, "units": {HOSTILE: HOSTILE}}
    result |= {"model": {"name": HOSTILE}, "settings": {HOSTILE: [HOSTILE]}, "findings": [{HOSTILE: HOSTILE}]}
    (tmp_path / "result.json").write_text(json.dumps(result))
    read = Reader(equical.report(tmp_path).read_text("utf-8"))
    assert [tag for tag, _ in read.tags].count("script") == 1
    assert "img" not in [tag for tag, _ in read.tags]
    assert read.text.count("alert(1)") > 6


def test_a_run_without_a_page_of_its_own_shows_its_numbers_and_lists(tmp_path):
    result = {"converged": False, "speed": 3.5, "units": {"speed": "1/s"}, "warnings": []}
    result["rows"] = [{"atoms": 4, "time": 0.1, "parts": {"a": 1}}, {"atoms": 8, "time": None}]
    (tmp_path / "result.json").write_text(json.dumps(result))
    (tmp_path / "run.json").write_text(json.dumps({"workflow": "bench", "repeats": 3}))
    page = page_of(FinishedRun.read(tmp_path))
    assert (page.good, page.verdict, shown(page)) == (False, "not converged", {"speed": 3.5})
    assert [column.name for column in page.tables[0].columns] == ["atoms", "time"]
    assert page.tables[0].rows == [[4, 0.1], [8, None]]
    assert page.tables[-1].rows == [("repeats", "3", "")]


def test_every_page_has_a_workflow():
    from equical.cli import MODULES

    assert PAGES.keys() <= MODULES.keys()


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        equical.report(tmp_path / "none")
    with pytest.raises(InputError, match="no result.json .* not over"):
        equical.report(tmp_path)
    for text, message in (("{", "damaged"), ("[]", "damaged"), ("{}", "no result of a run"), ("\xff", "damaged")):
        (tmp_path / "result.json").write_text(text, "latin-1")
        with pytest.raises(InputError, match=message):
            equical.report(tmp_path)
    (tmp_path / "result.json").write_text('{"converged": true, "energy": 1, "units": 3}')
    (tmp_path / "run.json").write_text('{"workflow": ["relax"]}')
    with pytest.raises(InputError, match="does not hold what a run leaves"):
        equical.report(tmp_path)
    (tmp_path / "result.json").write_text('{"converged": true}')
    for workflow in PAGES:
        (tmp_path / "run.json").write_text(json.dumps({"workflow": workflow}))
        try:
            equical.report(tmp_path)
        except InputError as error:
            assert f"what a run of {workflow} leaves" in str(error)


def test_structures_that_are_gone_are_left_out(tmp_path):
    result = {"converged": True, "structure": "Cu", "steps": 3}
    (tmp_path / "result.json").write_text(json.dumps(result))
    (tmp_path / "run.json").write_text('{"workflow": "relax"}')
    page = page_of(FinishedRun.read(tmp_path))
    assert (page.structures, page.first) == ([], None)


def test_long_trajectories_are_thinned_and_end_where_they_end(tmp_path, monkeypatch):
    (tmp_path / "result.json").write_text('{"converged": true}')
    write(tmp_path / "trajectory.extxyz", [Atoms("Cu2", [[0, 0, i], [0, 2, i]]) for i in range(101)])
    run = FinishedRun.read(tmp_path)
    numbers, frames = run.trajectory("trajectory.extxyz")
    assert numbers == list(range(101))
    monkeypatch.setattr("equical.workflows.common.finished.MOST_FRAMES", 40)
    numbers, frames = run.trajectory("trajectory.extxyz")
    assert len(frames) == len(numbers) <= 40 and numbers[-1] == 100
    assert [frame.positions[0, 2] for frame in frames] == numbers
    monkeypatch.setattr("equical.workflows.common.finished.MOST_POSITIONS", 20)
    assert len(run.trajectory("trajectory.extxyz")[0]) <= 10
