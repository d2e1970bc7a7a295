"""Which replica an errand goes to."""

from dataclasses import replace

import pytest

from cosmos_policy.cluster.errand import Errand
from cosmos_policy.cluster.ranking import rank

ERRAND = Errand("policy", None, (), ("everybody", "a"), 0, 0, True, affinity="lift the cube")


def test_a_replica_that_has_read_the_prompt_is_preferred_while_it_is_not_much_busier():
    loads = {"a": 0, "b": 2, "c": 0}
    assert rank(loads, ERRAND, {"b"}, None)[0] == "b"
    assert rank({**loads, "b": 3}, ERRAND, {"b"}, None)[0] in ("a", "c")


def test_of_several_that_have_read_it_the_idler_one_is_taken():
    assert rank({"a": 2, "b": 1, "c": 0}, ERRAND, {"a", "b"}, None)[:2] == ["b", "a"]


def test_a_prompt_that_nobody_has_read_goes_to_one_of_the_idlest_the_same_for_every_ingress():
    loads = {"a": 0, "b": 0, "c": 1}
    first = rank(loads, ERRAND, (), None)[0]
    assert first in ("a", "b")
    assert all(rank(loads, replace(ERRAND, session=number), (), None)[0] == first for number in range(5))
    others = {rank({"a": 0, "b": 0}, replace(ERRAND, affinity=str(number)), (), None)[0] for number in range(20)}
    assert others == {"a", "b"}


def test_replicas_that_failed_the_request_come_last_whatever_they_have_read():
    assert rank({"a": 0, "b": 5}, replace(ERRAND, avoid=("a",)), {"a"}, None) == ["b", "a"]


@pytest.mark.parametrize(("latest", "expected"), [("b", "b"), ("gone", "a"), (None, "a")])
def test_a_session_with_a_request_under_way_stays_so_that_the_newer_one_replaces_it(latest, expected):
    staying = replace(ERRAND, stay=True)
    assert rank({"a": 0, "b": 9}, staying, {"a"}, latest)[0] == expected
