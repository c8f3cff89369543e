"""Which core is tried next."""

from blackroad.edge.trunk.addresses import LONGEST_SECONDS, Addresses


def test_the_first_round_does_not_wait_for_the_other_cores() -> None:
    addresses = Addresses(["a", "b", "c"])
    assert addresses.current == "a"
    assert addresses.failed() == 0
    assert addresses.current == "b"
    assert addresses.failed() == 0
    assert addresses.current == "c"


def test_waits_grow_are_jittered_and_bounded() -> None:
    addresses = Addresses(["a"])
    waits = [addresses.failed() for _ in range(200)]
    assert all(0 <= wait <= LONGEST_SECONDS for wait in waits)
    assert max(waits[:3]) < max(waits[10:])
    assert len(set(waits[10:])) > 100
    addresses.succeeded()
    assert addresses.failed() < 0.1
