"""Operations with derivatives of their own kind: against finite differences, and against their plain twins."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from equical.model.kernels import sphere_product as sphere_product_module
from equical.model.kernels.degree_scale import plain_scale_degrees, scale_degrees
from equical.model.kernels.joints import cut, join, plain_cut, plain_join
from equical.model.kernels.segment import gather, plain_gather, plain_segment_sum, segment_max, segment_sum
from equical.model.kernels.sphere_product import plain_sphere_product, sphere_product
from equical.so3.sphere_grid import sphere_grid

INDEX = torch.tensor([0, 0, 1, 3, 3, 3])
GRID = sphere_grid(2, 2)


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


def cut_and_join(x: Tensor, cut: Callable[..., tuple[Tensor, ...]] = cut, join: Callable[..., Tensor] = join) -> Tensor:
    first, second, third = cut(x, [1, 2, 3], dim=1)
    return join([third.sin(), first * first, second], dim=1)


def on_grid(product: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, y: product(x, y, GRID.to_grid, GRID.from_grid)


CASES: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "gather": (lambda x: gather(x, INDEX), lambda x: plain_gather(x, INDEX), (draw(4, 2, 3),)),
    "segment_sum": (lambda x: segment_sum(x, INDEX, 5), lambda x: plain_segment_sum(x, INDEX, 5), (draw(6, 2, 3),)),
    "cut and join": (cut_and_join, lambda x: cut_and_join(x, plain_cut, plain_join), (draw(4, 6, 2),)),
    "scale_degrees": (scale_degrees, plain_scale_degrees, (draw(3, 9, 2), draw(3, 3, 2))),
    "sphere_product": (on_grid(sphere_product), on_grid(plain_sphere_product), (draw(4, 9, 2), draw(4, 9, 2).flip(0))),
}


@pytest.mark.parametrize("case", CASES)
def test_first_and_second_derivatives(case: str) -> None:
    function, _, inputs = CASES[case]
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.parametrize("case", CASES)
def test_values_and_derivatives_are_those_of_the_plain_twin(case: str) -> None:
    function, plain, inputs = CASES[case]
    found, expected = [], []
    for of, results in ((function, found), (plain, expected)):
        output = of(*inputs)
        first = torch.autograd.grad(output.sin().sum(), inputs, create_graph=True)
        results += [output, *first, *torch.autograd.grad(sum(slope.square().sum() for slope in first), inputs)]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
        assert other.abs().max() > 1e-3


def test_rows_without_entries_sum_to_zero() -> None:
    total = segment_sum(torch.ones(6, 2), INDEX, 5)
    assert total[:, 0].tolist() == [2.0, 1.0, 0.0, 3.0, 0.0]


def test_largest_of_a_segment_is_a_constant() -> None:
    values = torch.tensor([[1.0], [4.0], [-3.0], [0.0], [2.0], [1.0]], requires_grad=True)
    largest = segment_max(values, INDEX, 4)
    assert largest[[0, 1, 3], 0].tolist() == [4.0, -3.0, 2.0]
    assert not largest.requires_grad


def test_scaled_degrees() -> None:
    scaled = scale_degrees(torch.ones(1, 9, 1), torch.tensor([[[2.0], [3.0], [5.0]]]))
    assert scaled.flatten().tolist() == [2, 3, 3, 3, 5, 5, 5, 5, 5]


def test_product_does_not_depend_on_the_size_of_its_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = draw(50, 9, 4), draw(50, 9, 4).flip(0)
    whole = sphere_product(x, y, GRID.to_grid, GRID.from_grid)
    monkeypatch.setattr(sphere_product_module, "CHUNK_ELEMENTS", 7 * len(GRID.to_grid) * 4)
    torch.testing.assert_close(sphere_product(x, y, GRID.to_grid, GRID.from_grid), whole, rtol=0, atol=1e-13)
