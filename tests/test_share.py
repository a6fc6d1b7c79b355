"""A member's share of the partitions, without a broker."""

from hypothesis import given
from hypothesis import strategies as st

from agent.records import Record
from agent.sources.share import Share

A, B = ("t", 0), ("t", 1)


class Scene:
    """A listener, and the log's side of the story."""

    def __init__(self, known=None, committed=None, ends=None):
        self.known, self.committed_at, self.ends = known or {}, committed or {}, ends or {}
        self.seeks: dict = {}
        self.told: list = []

    def assigned(self, keys):
        return {key: self.known[key] for key in keys if key in self.known}

    def revoked(self, keys):
        self.told.append(("revoked", keys))

    def lost(self, keys):
        self.told.append(("lost", keys))

    def committed(self, key):
        return self.committed_at.get(key)

    def end(self, key):
        return self.ends.get(key)

    def seek(self, key, offset):
        self.seeks[key] = offset


def records(key, *offsets):
    return [Record(*key, offset, b"") for offset in offsets]


def offsets(taken):
    return [record.offset for record in taken]


def test_nothing_is_handed_out_between_two_assignments():
    scene = Scene()
    share = Share(scene)
    assert share.take({A: records(A, 0)}, scene) == []
    share.assign([A], scene)
    assert offsets(share.take({A: records(A, 0)}, scene)) == [0]
    share.release([A], owned=True)
    assert share.take({A: records(A, 1)}, scene) == []
    share.assign([A], scene)
    assert scene.seeks == {A: 1}


def test_a_release_is_told_once_and_only_of_something():
    scene = Scene()
    share = Share(scene)
    share.assign([], scene)
    share.release([], owned=True)
    share.assign([A], scene)
    share.release([A], owned=False)
    share.release([A], owned=True)
    assert scene.told == [("lost", [A])]


def test_repetitions_are_dropped_by_partition():
    scene = Scene(known={A: 5}, ends={A: 9, B: 9})
    share = Share(scene)
    share.assign([A, B], scene)
    assert offsets(share.take({A: records(A, 3, 4, 5, 6), B: records(B, 3)}, scene)) == [5, 6, 3]
    assert share.take({A: records(A, 3, 4)}, scene) == []
    assert offsets(share.take({A: records(A, 6, 7)}, scene)) == [7]


def test_a_partition_made_anew_is_no_repetition():
    scene = Scene(known={A: 50}, ends={A: 2})
    share = Share(scene)
    share.assign([A], scene)
    assert offsets(share.take({A: records(A, 0, 1)}, scene)) == [0, 1]
    scene.ends[A] = 3
    assert offsets(share.take({A: records(A, 1, 2)}, scene)) == [2]


def test_what_is_given_up_is_behind_us():
    scene = Scene(ends={A: 9})
    share = Share(scene)
    share.assign([A], scene)
    assert share.give_up(A, 4)[:4] == ("t", 0, 4, b"")
    assert offsets(share.take({A: records(A, 3, 4, 5)}, scene)) == [5]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from(["", "revoked", "lost"])), max_size=12)
)
def test_whatever_is_repeated_nothing_is_given_twice_or_left_out(fetches):
    scene = Scene(ends={A: 100})
    share = Share(scene)
    share.assign([A], scene)
    given_out: list[int] = []
    for start, length, change in fetches:
        reached = given_out[-1] + 1 if given_out else 0
        first = min(start, reached)  # a client may go back, never ahead
        given_out += offsets(share.take({A: records(A, *range(first, first + length))}, scene))
        if change:
            share.release([A], owned=change == "revoked")
            share.assign([A], scene)
            assert scene.seeks.get(A, 0) == (given_out[-1] + 1 if given_out else 0)
    assert given_out == list(range(len(given_out)))
