"""How rollouts are cut: by hand, and against sb3-contrib's buffer."""

import numpy as np
import pytest
from recurrent_models import build, rolled_out

from rlkit.trainers.recurrent.sequences import (
    Sequences,
    chunk_epoch,
    contrib_epoch,
    cut_at_starts,
    episode_epoch,
    numbers,
    states_at,
)

# Two envs of 6 steps: episodes begin at steps 0 and 4 of the first, and at steps 1 and 3 of the second
STARTS = np.array([1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0], bool)


def minibatches(sequences):
    pairs = list(zip(sequences.first.tolist(), sequences.length.tolist(), strict=True))
    return [pairs[a:b] for a, b in zip(sequences.edges[:-1], sequences.edges[1:], strict=True)]


def test_chunks_by_hand():
    np.random.seed(0)
    sequences = chunk_epoch(STARTS, 6, 4, 6)
    assert sorted(map(tuple, zip(sequences.first, sequences.length, strict=True))) == [(0, 4), (4, 2), (6, 4), (10, 2)]
    assert sorted(numbers(sequences)) == list(range(12))
    for batch in minibatches(sequences):
        assert sum(length for _, length in batch) <= 6
    assert len(sequences.edges) == 3 or len(sequences.edges) == 4
    assert len(chunk_epoch(STARTS, 6, 6, 1).edges) == 3  # a chunk larger than the minibatch is a minibatch


def test_episodes_by_hand():
    found = episode_epoch(STARTS, 6, 12)
    assert sorted(map(tuple, zip(found.first, found.length, strict=True))) == [(0, 4), (4, 2), (6, 1), (7, 2), (9, 3)]
    assert found.edges.tolist() == [0, 5]


def test_cuts_by_hand():
    sequences = Sequences(np.array([6, 0, 4]), np.array([6, 4, 2]), np.array([0, 1, 3]))
    cut = cut_at_starts(sequences, STARTS)
    assert minibatches(cut) == [[(6, 1), (7, 2), (9, 3)], [(0, 4), (4, 2)]]
    assert (numbers(cut) == numbers(sequences)).all()


def test_slices_by_hand(monkeypatch):
    monkeypatch.setattr(np.random, "randint", lambda n: 9)
    assert minibatches(contrib_epoch(STARTS, 6, 5)) == [[(9, 3), (0, 2)], [(2, 2), (4, 2), (6, 1)], [(7, 2)]]


@pytest.mark.parametrize("read_before", [False, True])
def test_slices_are_sb3_contribs(read_before):
    """The sample's number travels in `returns`; padding is -1."""
    model = rolled_out(build(exact=True, policy_kwargs={"n_lstm_layers": 2}))
    buffer, starts = model.rollout_buffer, model._starts()
    buffer.returns = np.arange(400.0, dtype=np.float32).reshape(4, 100).T.copy()
    if read_before:
        list(buffer.get(48))
    np.random.seed(4)
    ours = contrib_epoch(starts, 100, 48)
    before = [states_at(buffer, ours.first[a:b]) for a, b in zip(ours.edges[:-1], ours.edges[1:], strict=True)]
    np.random.seed(4)
    n = 0
    for batch, states in zip(buffer.get(48), before, strict=True):
        theirs = batch.returns[batch.mask > 0].numpy()
        assert (theirs == numbers(ours)[n : n + len(theirs)]).all()
        for mine, yours in zip(states, [*batch.lstm_states.pi, *batch.lstm_states.vf], strict=True):
            np.testing.assert_array_equal(mine, yours)
        n += len(theirs)
    assert n == 400
