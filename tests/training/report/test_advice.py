"""What is best in a fine-tuning, and what would help."""

import pytest

from equical.training.report.advice import advice, relative_error


def errors(energy: float, forces: float | None) -> dict[str, float]:
    found = {"energy_rmse_meV_per_atom": energy}
    return found if forces is None else found | {"forces_mae_meV_per_A": forces}


def test_energy_and_forces_count_alike_and_both_against_the_start():
    start = errors(10, 100)
    assert relative_error(start, start) == 1
    assert relative_error(errors(5, 50), start) == pytest.approx(0.5)
    assert relative_error(errors(20, 100), start) == relative_error(errors(10, 200), start)
    assert relative_error(errors(15, 60), start) > 1 > relative_error(errors(10.5, 60), start)
    assert relative_error(errors(5, None), errors(10, None)) == pytest.approx(0.5)


def test_errors_below_those_of_labels_count_as_nothing():
    assert relative_error(errors(0.9, 50), errors(0.01, 50)) == 1


@pytest.mark.parametrize(
    ("now", "learned", "best_step", "words"),
    [
        (errors(10, 100), errors(9, 90), 0, [["no step made it better", "longer", "add data", "from scratch"]]),
        (errors(5, 50), errors(4.5, 45), 100, [["train longer", "--max-minutes"]]),
        (errors(5, 50), errors(2, 45), 60, [["add data", "2.5 times"]]),
        (errors(5, 50), errors(4.5, 45), 60, [["from scratch"]]),
        (errors(12, 50), {}, 60, [["the error of the energy rose, from 10 to 12 meV/atom", "add frames"]]),
        (errors(5, 50), {}, 60, []),
        (errors(5, 50), errors(2, 20), 95, [["train longer"], ["add data"]]),
    ],
)
def test_advice_follows_from_when_and_where_the_errors_are(now, learned, best_step, words):
    found = advice(now, errors(10, 100), learned, best_step=best_step, steps=100)
    assert len(found) == len(words), found
    for line, wanted in zip(found, words, strict=True):
        assert "\n" not in line
        assert all(word in line for word in wanted), line
