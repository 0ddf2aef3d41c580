"""What processes share, where one process can tell."""

import pytest
import torch

from equical.errors import InputError
from equical.training.loop.distributed import World


def test_each_process_of_a_machine_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    second = World(rank=5, size=8, local_rank=1)
    assert second.device("auto") == second.device("cuda") == torch.device("cuda:1")
    assert (second.device("cuda:0"), second.device("cpu")) == (torch.device("cuda:0"), torch.device("cpu"))
    assert World().device("auto") == torch.device("cuda")
    with pytest.raises(InputError, match="There is no device 'cuda:2': torch finds 2 CUDA devices"):
        World(rank=2, size=3, local_rank=2).device("cuda")
