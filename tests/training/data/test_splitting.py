from dataclasses import replace

import pytest

from equical import InputError
from equical.training.data.dataset import read_frames
from equical.training.data.splitting import split_frames
from tests.training.labelled import data, write_copper


@pytest.fixture
def frames(tmp_path):
    return read_frames(data(write_copper(tmp_path, 20), group_key="run"))


def origins(frames):
    return [frame.origin for frame in frames]


def test_groups_stay_whole_and_nothing_is_lost(frames):
    kept, held_out = split_frames(frames, 0.3, seed=1)
    assert {frame.group for frame in kept}.isdisjoint(frame.group for frame in held_out)
    assert sorted(origins(kept + held_out)) == sorted(origins(frames))
    assert len(held_out) == 6
    assert origins(kept) == [origin for origin in origins(frames) if origin in origins(kept)]


def test_the_split_follows_the_seed_alone(frames):
    first = origins(split_frames(frames, 0.3, seed=1)[1])
    assert origins(split_frames(frames, 0.3, seed=1)[1]) == first
    assert any(origins(split_frames(frames, 0.3, seed=seed)[1]) != first for seed in (2, 3, 4))


def test_another_data_set_does_not_change_the_split(frames):
    other = [replace(frame, dataset="other", group="other" + frame.group) for frame in frames]
    alone = origins(split_frames(frames, 0.3, seed=1)[1])
    together = split_frames(frames + other, 0.3, seed=1)[1]
    assert origins(frame for frame in together if frame.dataset == "copper") == alone


def test_both_sides_get_something_whatever_the_sizes(frames):
    one_large = [replace(frame, group="large" if i else "small") for i, frame in enumerate(frames)]
    kept, held_out = split_frames(one_large, 0.1, seed=0)
    assert {frame.group for frame in held_out} == {"small"}
    assert len(kept) == 19
    two_halves = [replace(frame, group=f"half{i // 10}") for i, frame in enumerate(frames)]
    assert [len(part) for part in split_frames(two_halves, 0.1, seed=0)] == [10, 10]


def test_a_single_group_cannot_be_split(frames):
    with pytest.raises(InputError, match=r"data set copper is one group of 1 frame\(s\) and cannot be split"):
        split_frames(frames[:1], 0.1, seed=0)
    assert split_frames(frames[:1], 0.0, seed=0) == (frames[:1], [])
