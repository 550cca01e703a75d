"""What gets through the door, and what is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError
from mithridate.guard import admission
from mithridate.guard.admission import Admission, Reply, Sent, admit
from mithridate.guard.claims import Limits, Refusal
from mithridate.guard.guard import Guard
from mithridate.rules import MultiKrum, TrimmedMean
from mithridate.stages import Clip, NearestNeighbourMixing

MODEL = {
    "w": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.ones(3, np.float32),
    "steps": np.array(7),
}
SENT = Sent(MODEL)


def trained(by: float = 0.5) -> dict[str, np.ndarray]:
    return {"w": MODEL["w"] + np.float32(by), "b": MODEL["b"] - np.float32(by), "steps": np.array(9)}


def only_reason(reply: Reply, limits: Limits = Limits(), sent: Sent = SENT) -> str:
    cohort, refusals = admit(sent, [reply], round=3, seed=0, limits=limits)
    assert cohort is None
    (refusal,) = refusals
    assert refusal.detail
    return refusal.reason


def test_an_honest_reply_becomes_its_delta():
    cohort, refusals = admit(SENT, [Reply("ann", trained(), 20, 3)], round=3, seed=5)
    assert refusals == ()
    assert cohort.updates.tolist() == [[0.5] * 6 + [-0.5] * 3]
    assert (cohort.round, cohort.seed, cohort.clients) == (3, 5, (("ann",),))


def test_integer_buffers_are_no_coordinates():
    assert SENT.layout.d == 9


WRONG_ARRAYS = {
    "missing-key": {"w": trained()["w"], "steps": np.array(9)},
    "extra-key": trained() | {"more": np.zeros(1)},
    "key-order": dict(reversed(trained().items())),
    "not-an-array": trained() | {"b": [1.0, 1.0, 1.0]},
    "dtype": trained() | {"b": trained()["b"].astype(np.complex64)},
    "shape": trained() | {"w": trained()["w"].T},
    "empty": trained() | {"b": np.zeros(0, np.float32)},
    "not-finite": trained() | {"b": np.array([0, np.nan, 0], np.float32)},
    "too-large": trained() | {"b": np.array([0, 1e30, 0], np.float32)},
    "not-a-mapping": [("w", 1)],
    "bad-key": {"w" * 300: np.zeros(1)},
}


@pytest.mark.parametrize("reason", WRONG_ARRAYS)
def test_arrays_that_are_not_what_was_sent_are_refused(reason):
    assert only_reason(Reply("eve", WRONG_ARRAYS[reason])) == reason


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array([0, np.inf, 0], np.float32), "not-finite"),
        (np.array([0, -np.inf, 0]), "not-finite"),
        (np.array([0, 1e300, 0]), "not-finite"),  # beyond float32
        (np.array(["a", "b", "c"]), "dtype"),
        (np.array([None, None, None]), "dtype"),
        (np.ones(3, np.int64), "dtype"),
        (np.ones(3, np.longdouble), "dtype"),
        (np.ones((1,), np.float32), "shape"),  # would broadcast
        (np.ones((3, 10**6), np.float32), "shape"),
        (np.ma.masked_array([1.0, 2.0, 3.0]), "not-an-array"),
    ],
)
def test_one_bad_array_refuses_the_reply(array, reason):
    assert only_reason(Reply("eve", trained() | {"b": array})) == reason


def test_a_renamed_key_is_missing():
    assert only_reason(Reply("eve", {"W": trained()["w"], "b": trained()["b"], "steps": np.array(9)})) == "missing-key"


def test_reordered_keys_are_matched_by_name_where_the_policy_says_so():
    swapped = dict(reversed(trained().items()))
    cohort, _ = admit(
        SENT, [Reply("a", trained()), Reply("b", swapped)], round=0, seed=0, limits=Limits(key_order="any")
    )
    assert cohort.distances[0, 1] == 0


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (-1, "bad-examples"),
        (-89.0, "bad-examples"),
        (float("nan"), "bad-examples"),
        (float("inf"), "too-many-examples"),
        (1e12, "too-many-examples"),
        (10**400, "too-many-examples"),
        ("many", "bad-examples"),
        (None, "bad-examples"),
        (True, "bad-examples"),
        (np.array([5]), "bad-examples"),
        (1j, "bad-examples"),
    ],
)
def test_a_claimed_size_that_is_no_size_is_refused(claim, reason):
    assert only_reason(Reply("eve", trained(), claim)) == reason


def test_a_large_claim_is_clamped_to_ten_medians():
    replies = [Reply(f"c{i}", trained(), 100) for i in range(4)] + [Reply("eve", trained(), 9_000_000)]
    cohort, refusals = admit(SENT, replies, round=0, seed=0)
    assert refusals == ()
    assert cohort.weights.tolist() == [100, 100, 100, 100, 1000]


def test_a_client_without_examples_is_present_without_weight():
    cohort, refusals = admit(SENT, [Reply("a", trained(), 0), Reply("b", trained(), 5)], round=0, seed=0)
    assert refusals == () and cohort.weights.tolist() == [0, 5]


@pytest.mark.parametrize(
    ("claimed", "reason"),
    [(2, "stale"), (4, "from-the-future"), ("3", "bad-round"), (3.0, "bad-round"), (True, "bad-round")],
)
def test_an_answer_to_another_round_is_refused(claimed, reason):
    assert only_reason(Reply("eve", trained(), 1, claimed)) == reason


@pytest.mark.parametrize("client", [None, 7, "", "x" * 257, "a\nb", b"bytes", "\x00"])
def test_a_client_id_that_is_none_is_refused(client):
    assert only_reason(Reply(client, trained())) == "bad-client-id"


def test_a_client_that_was_not_asked_is_refused():
    assert only_reason(Reply("eve", trained()), sent=Sent(MODEL, ("ann", "bob"))) == "unknown-client"


def test_what_is_no_reply_is_refused():
    assert only_reason({"client": "eve"}) == "not-a-mapping"


def test_the_same_reply_twice_counts_once():
    cohort, (refusal,) = admit(SENT, [Reply("a", trained()), Reply("a", trained())], round=0, seed=0)
    assert cohort.n == 1 and refusal.reason == "sent-twice"


def test_contradicting_replies_of_one_client_count_not_at_all():
    cohort, refusals = admit(
        SENT, [Reply("a", trained(1)), Reply("b", trained()), Reply("a", trained(2))], round=0, seed=0
    )
    assert cohort.clients == (("b",),)
    assert [r.reason for r in refusals] == ["contradicts-itself"] * 2


def test_an_update_of_an_earlier_round_is_a_replay():
    from mithridate.core.digest import digest

    cohort, _ = admit(SENT, [Reply("a", trained())], round=0, seed=0)
    again, (refusal,) = admit(
        SENT, [Reply("a", trained())], round=1, seed=0, seen=frozenset({digest(cohort.updates[0])})
    )
    assert again is None and refusal.reason == "replayed"


@given(st.permutations(range(6)))
def test_the_order_of_arrival_is_irrelevant(order):
    replies = [Reply(f"c{i}", trained(i / 7), i) for i in range(4)] + [Reply("c1", trained(9)), Reply("x", None)]
    expected = admit(SENT, replies, round=0, seed=0)
    found = admit(SENT, [replies[i] for i in order], round=0, seed=0)
    assert found[1] == expected[1]
    assert np.array_equal(found[0].updates, expected[0].updates) and found[0].clients == expected[0].clients


def test_float64_and_byte_swapped_replies_are_subtracted_in_full_precision():
    wide = {"w": MODEL["w"].astype(np.float64) + 1e-9, "b": MODEL["b"].astype(">f4"), "steps": np.array(9)}
    cohort, refusals = admit(SENT, [Reply("a", wide)], round=0, seed=0)
    assert refusals == ()
    assert np.allclose(cohort.updates[0, :6], 1e-9, rtol=1e-6, atol=1e-15)


def test_the_clients_arrays_are_not_kept():
    mine = trained()
    cohort, _ = admit(SENT, [Reply("a", mine)], round=0, seed=0)
    mine["w"][:] = 99
    assert cohort.updates[0, 0] == 0.5
    with pytest.raises(ValueError, match="read-only"):
        cohort.updates[0, 0] = 1


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.complex_numbers(),
    st.lists(st.integers(), max_size=3),
    st.just({}),
    st.just(object),
)
numbers = st.sampled_from([0.0, -0.0, 1.0, -3.5, np.nan, np.inf, -np.inf, 1e30, -1e30, 1e300, 1e-45, 1e9, -1e9])


@st.composite
def arrays(draw):
    shape = draw(st.sampled_from([(2, 3), (3,), (3, 2), (), (1,), (0,), (1, 3), (2, 3, 1), (6,)]))
    dtype = draw(st.sampled_from(["f4", "f8", "f2", ">f4", "c8", "i4", "u1", "?", "S3", "U2", "O", "M8[s]", "g"]))
    array = np.zeros(shape, dtype)
    if array.size and array.dtype.kind in "fc":
        with np.errstate(over="ignore"):
            array[...] = draw(numbers)
            array.reshape(-1)[draw(st.integers(0, array.size - 1))] = draw(numbers)
    return array


@st.composite
def mutations(draw, index: int):
    """An honest reply with one to three things wrong with it."""
    reply = {"client": f"m{index}", "arrays": trained(draw(st.floats(-1, 1))), "num_examples": 10, "round": 0}
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.integers(0, 7))
        keyed = reply["arrays"]
        if kind == 0:
            reply["num_examples"] = draw(st.one_of(junk, numbers))
        elif kind == 1:
            reply["round"] = draw(junk)
        elif kind == 2:
            reply["client"] = draw(st.one_of(junk, st.sampled_from(["h0", "m0"])))
        elif kind == 3:
            reply["arrays"] = draw(junk)
        elif isinstance(keyed, dict) and keyed:
            key = draw(st.sampled_from(list(keyed)))
            if kind == 4:
                keyed.pop(key)
            elif kind == 5:
                keyed[draw(st.one_of(st.text(max_size=4), st.integers(), st.none()))] = keyed.pop(key)
            else:
                keyed[key] = draw(st.one_of(arrays(), junk))
    return Reply(**reply)


GUARD = Guard(TrimmedMean(f=2), (Clip(), NearestNeighbourMixing(f=2)))
HONEST = [Reply(f"h{i}", trained(0.1 + i / 100), 10, 0) for i in range(7)]


def throw(mutated: list[Reply]) -> int:
    """Nothing escapes: no exception, no moved or non-finite aggregate, a reason for every refusal."""
    cohort, refusals = admit(SENT, HONEST + mutated, round=0, seed=0)
    assert cohort.n + len(refusals) == len(HONEST) + len(mutated)
    assert all(refusal.reason and refusal.detail and refusal.client.isprintable() for refusal in refusals)
    for guard in (GUARD, Guard(MultiKrum(f=2))):
        decision, _ = guard.apply(cohort, guard.init())
        assert np.isfinite(decision.delta).all()
        if (
            decision.refused is None
            and cohort.n <= 9
            and not {r.client for r in refusals} & {f"h{i}" for i in range(7)}
        ):
            low, high = 0.1, 0.16
            assert (decision.delta[:6] >= low - 0.1).all() and (decision.delta[:6] <= high + 0.1).all()
    return len(mutated)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 1), min_size=2, max_size=2), st.data())
def test_mutated_replies_never_crash_and_never_move_the_aggregate(_, data):
    throw([data.draw(mutations(i)) for i in range(2)])


@pytest.mark.slow
def test_a_hundred_thousand_mutated_replies():
    """The same by plain random draws, fast enough for 100,000."""
    rng = np.random.default_rng(0)
    dtypes = ["f4", "f8", "f2", ">f4", "c8", "i4", "u1", "?", "S3", "O", "g"]
    shapes = [(2, 3), (3,), (3, 2), (), (1,), (0,), (1, 3), (6,)]
    values = [0.0, 1.0, np.nan, np.inf, -np.inf, 1e30, -1e30, 1e300, 1e9]
    odd = [None, True, -1, 10**30, float("nan"), float("inf"), "x", b"x", 1j, [], {}, object()]
    thrown = 0
    while thrown < 100_000:
        mutated = []
        for index in range(2):
            fields = {"client": f"m{index}", "arrays": trained(rng.uniform(-1, 1)), "num_examples": 10, "round": 0}
            keyed, kind = fields["arrays"], rng.integers(0, 7)
            key = str(rng.choice(list(keyed)))
            if kind < 3:
                fields[("num_examples", "round", "client")[kind]] = odd[rng.integers(len(odd))]
            elif kind == 3:
                keyed[str(rng.integers(9))] = keyed.pop(key)
            else:
                array = np.zeros(shapes[rng.integers(len(shapes))], dtypes[rng.integers(len(dtypes))])
                if array.size and array.dtype.kind in "fc":
                    with np.errstate(over="ignore"):
                        array.reshape(-1)[rng.integers(array.size)] = values[rng.integers(len(values))]
                keyed[key] = array if kind < 6 else odd[rng.integers(len(odd))]
            mutated.append(Reply(**fields))
        thrown += throw(mutated)


# One reply at a time


NAMES = tuple(f"c{i}" for i in range(6))


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)), st.sampled_from([(), NAMES[:4], NAMES, ("b", *NAMES)]))
def test_a_door_decides_as_admit_does_in_any_order_of_arrival(order, broken, expected_clients):
    sent = Sent({"w": np.zeros(3, np.float32)})
    replies = [
        Reply(f"c{i}", {"w": np.full(3, np.nan if i in broken else i, np.float32)}, num_examples=i) for i in range(6)
    ]
    expected, refused = admit(sent, replies, round=2, seed=5)
    door = Admission(sent, 6, round=2, seed=5, expected=expected_clients)
    for i in order:
        assert door.offer(replies[i]) is (i not in broken)
    cohort, turned_away = door.close()
    assert turned_away == refused
    assert (cohort is None) == (expected is None)
    if cohort is not None:
        assert digest((cohort.updates, cohort.clients, cohort.weights, cohort.round, cohort.seed)) == digest(
            (expected.updates, expected.clients, expected.weights, expected.round, expected.seed)
        )


def test_a_door_takes_no_more_than_were_asked():
    door = Admission(Sent({"w": np.zeros(1, np.float32)}), 1, round=0, seed=0)
    good = Reply("a", {"w": np.ones(1, np.float32)})
    assert door.offer(good)
    assert not door.offer(good)
    cohort, refused = door.close()
    assert cohort.n == 1
    assert refused == (Refusal("a", "sent-twice", "more than 1 replies"),)


@pytest.mark.parametrize("expected", [(), ("a", "b", "c")])
def test_a_second_reply_of_one_client_takes_nobodys_row_for_good(expected):
    door = Admission(Sent({"w": np.zeros(1, np.float32)}), 4, round=0, seed=0, expected=expected)
    for client, value in (("b", 2), ("b", 2), ("c", 3), ("a", 1)):
        assert door.offer(Reply(client, {"w": np.full(1, value, np.float32)}))
    cohort, refused = door.close()
    assert cohort.clients == (("a",), ("b",), ("c",))
    assert cohort.updates[:, 0].tolist() == [1, 2, 3]
    assert [refusal.reason for refusal in refused] == ["sent-twice"]


def test_an_expected_clients_row_is_never_moved(monkeypatch):
    door = Admission(Sent({"w": np.zeros(1, np.float32)}), 3, round=0, seed=0, expected=("a", "b", "c"))
    for client in "cab":
        door.offer(Reply(client, {"w": np.zeros(1, np.float32)}))
    found = []
    monkeypatch.setattr(admission, "_ordered", lambda updates, rows: found.append(list(rows)))
    door.close()
    assert found == [[0, 1, 2]]


def test_a_door_records_what_the_venue_turned_away():
    door = Admission(Sent({"w": np.zeros(1, np.float32)}), 1, round=0, seed=0)
    door.refuse("e\x00ve", "malformed", "no header")
    assert door.close() == (None, (Refusal("e\N{REPLACEMENT CHARACTER}ve", "malformed", "no header"),))


def test_a_door_writes_to_the_memory_it_is_given_and_to_no_other_size():
    rows = np.full((2, 9), 7, np.float32)
    door = Admission(SENT, 2, round=0, seed=0, rows=rows)
    assert door.offer(Reply("ann", trained()))
    assert rows[0].tolist() == [0.5] * 6 + [-0.5] * 3
    for wrong in (np.zeros((3, 9), np.float32), np.zeros((2, 9))):
        with pytest.raises(ConfigurationError, match=r"\(2, 9\) float32"):
            Admission(SENT, 2, round=0, seed=0, rows=wrong)
