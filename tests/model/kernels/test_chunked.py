"""Messages in chunks are the messages that pass all at once."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from equical.model.kernels.chunked import EdgeChunk, chunked_messages, chunked_update, divide_edges, plain_messages
from equical.model.kernels.segment import Rows, segment_sum

ATOMS = 7
RECEIVER = torch.tensor([1, 1, 1, 2, 4, 4, 4, 4, 4, 5])  # atoms 0, 3 and 6 receive nothing
SENDER = torch.tensor([0, 2, 6, 1, 0, 1, 2, 3, 5, 4])


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def messages(chunk: EdgeChunk, vectors: Tensor, senders: tuple[Rows, ...], receivers: tuple[Rows, ...]) -> Tensor:
    """Something that mixes everything there is on an edge."""
    values = senders[0].read() * receivers[0].read() + senders[1].read().sin()
    weight = torch.exp(-vectors.square().sum(dim=1, keepdim=True))
    return segment_sum(values * weight, chunk.receiver, chunk.atoms.stop - chunk.atoms.start)


@pytest.mark.parametrize("most", [1, 3, 4, 100])
def test_chunks_hold_whole_receivers_and_together_everything(most: int) -> None:
    chunks = divide_edges(SENDER, RECEIVER, ATOMS, most)
    assert (chunks[0].edges.start, chunks[0].atoms.start) == (0, 0)
    assert (chunks[-1].edges.stop, chunks[-1].atoms.stop) == (len(RECEIVER), ATOMS)
    for before, after in pairwise(chunks):
        assert (before.edges.stop, before.atoms.stop) == (after.edges.start, after.atoms.start)
    for chunk in chunks:
        assert torch.equal(chunk.receiver + chunk.atoms.start, RECEIVER[chunk.edges])
        assert torch.equal(chunk.sender, SENDER[chunk.edges])
        assert len(chunk.receiver) <= most or len(set(chunk.receiver.tolist())) == 1
    assert len(chunks) == {1: 5, 3: 4, 4: 3, 100: 1}[most]


@pytest.mark.parametrize("most", [1, 4])
def test_values_and_first_derivatives_are_those_of_the_plain_twin(most: int) -> None:
    chunks = divide_edges(SENDER, RECEIVER, ATOMS, most)
    inputs = draw(len(RECEIVER), 3), draw(ATOMS, 2, seed=1), draw(ATOMS, 2, seed=2), draw(ATOMS, 2, seed=3)
    found, expected = (
        of(messages, chunks, inputs[0], inputs[1:3], inputs[3:]) for of in (chunked_messages, plain_messages)
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)
    slopes = [torch.autograd.grad(output.sin().sum(), inputs) for output in (found, expected)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)
        assert other.abs().max() > 1e-3


def test_only_wanted_derivatives_are_made() -> None:
    vectors, fixed = draw(len(RECEIVER), 3), draw(ATOMS, 2).detach()
    chunks = divide_edges(SENDER, RECEIVER, ATOMS, 4)
    output = chunked_messages(messages, chunks, vectors, (fixed, fixed), (fixed,))
    (slope,) = torch.autograd.grad(output.sum(), vectors)
    expected = plain_messages(messages, chunks, vectors, (fixed, fixed), (fixed,))
    torch.testing.assert_close(slope, torch.autograd.grad(expected.sum(), vectors)[0])


def test_updates_of_a_few_rows_at_a_time() -> None:
    x = draw(10, 3)
    found, expected = chunked_update(torch.sin, x, 4), torch.sin(x)
    assert torch.equal(found, expected)
    slopes = [torch.autograd.grad(output.square().sum(), x)[0] for output in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-14)
