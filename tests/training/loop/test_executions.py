import pytest
import torch

from equical import InputError
from equical.training.loop.buckets import BatchSize, Buckets
from equical.training.loop.captured import CapturedStep
from equical.training.loop.distributed import World
from equical.training.loop.executions import make_step, require_execution
from equical.training.loop.stages import Stage
from equical.training.loop.step import PlainStep
from tests.training.loop.small_stages import samples_in, stage_of


class OnGPU(Stage):
    """Says that it is on a GPU, which takes no GPU as long as no step is taken."""

    device = torch.device("cuda")


@pytest.fixture
def stage(tmp_path):
    return stage_of("direct", samples_in(tmp_path, 2))


def made(stage, execution, said, world=None):
    step = PlainStep(stage, world=world or World())
    return make_step(step, execution, lambda: Buckets([BatchSize(4, 100, 1)]), said.append)


def test_a_cpu_takes_plain_steps(stage):
    said = []
    assert isinstance(made(stage, "auto", said), PlainStep)
    assert isinstance(made(stage, "eager", said), PlainStep)
    assert said == []
    with pytest.raises(InputError, match="cuda-graph needs a CUDA device.*use auto"):
        require_execution("cuda-graph", torch.device("cpu"))


@pytest.mark.parametrize("execution", ["auto", "cuda-graph"])
def test_a_gpu_gets_captured_steps_unless_they_are_not_wanted(stage, execution):
    said = []
    gpu = OnGPU(**vars(stage))
    require_execution(execution, gpu.device)
    assert isinstance(made(gpu, "eager", said), PlainStep)
    assert isinstance(made(gpu, execution, said), CapturedStep)
    assert said == []


def test_several_processes_take_plain_steps_and_say_so(stage):
    said = []
    assert isinstance(made(OnGPU(**vars(stage)), "auto", said, World(0, 2)), PlainStep)
    (line,) = said
    assert "eager" in line and "several processes" in line
