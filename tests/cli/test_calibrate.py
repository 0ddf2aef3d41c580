"""``equical calibrate`` as its users meet it."""

import shutil

from click.testing import CliRunner

from equical import load_checkpoint
from equical.cli import main
from tests.training.labelled import write_copper


def run(*args):
    return CliRunner().invoke(main, ["calibrate", *map(str, args)])


def test_a_model_gets_its_uncertainty_and_what_it_is_worth_is_shown(tmp_path, tiny_checkpoint):
    folder = tmp_path / "model"
    shutil.copytree(tiny_checkpoint, folder)
    data, held = write_copper(tmp_path, 12), write_copper(tmp_path, 8, "held.extxyz", seed=1)
    done = run(folder, "--data", data, "--held-out", held, "--shift-references")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("12 structures of 2 elements, 3 of 3 pairs of them neighbours; 8 held out")
    assert [line.split(",")[0] for line in done.stdout.splitlines()[2:4]] == ["energy", "forces"]
    assert done.stdout.splitlines()[-1] == f"written to {folder}; picture: {folder / 'uncertainty.png'}"
    assert (folder / "uncertainty.png").is_file()
    assert load_checkpoint(folder).knowledge is not None
    picture = tmp_path / "calibration.png"
    more = run(folder, "--data", data, "--held-out", held, "--held-out", data, "--quiet", "--plot", picture)
    assert (more.exit_code, more.output) == (0, "")
    assert picture.is_file()


def test_mistakes_are_one_line(tmp_path, tiny_checkpoint):
    data = write_copper(tmp_path, 8)
    for model, held, message in (
        ("nonsense", data, "There is no model 'nonsense'"),
        (tiny_checkpoint, "x.xyz", "x.xyz"),
    ):
        done = run(model, "--data", data, "--held-out", held)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1 and message in done.stderr
