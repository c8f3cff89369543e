"""One subject's quota: bucket, window and pause together."""

from blackroad.core.limits.quota import Allowance, LocalQuota

USER = Allowance(10, 20, cooldown_seconds=60)


def test_a_hundred_refusals_in_ten_seconds_pause_it_for_a_minute() -> None:
    quota = LocalQuota(USER)
    assert not quota.take(20, 0)
    waits = [quota.take(1, 0) for _ in range(100)]
    assert all(0 < wait < 1 for wait in waits[:99])
    assert waits[99] == 60
    assert quota.take(1, 59) == 1
    assert not quota.take(20, 60)


def test_fewer_refusals_pause_nothing() -> None:
    quota = LocalQuota(USER)
    for second in range(0, 60, 12):
        quota.take(20, second)
        assert all(quota.take(20, second) < 3 for _ in range(99))


def test_without_a_cooldown_nothing_pauses_it() -> None:
    quota = LocalQuota(Allowance(100, 300))
    quota.take(300, 0)
    assert all(quota.take(1, 0) < 1 for _ in range(1000))


def test_the_window_holds_beside_the_bucket() -> None:
    quota = LocalQuota(Allowance(10, 20, per_minute=30))
    assert not quota.take(20, 0)
    assert not quota.take(10, 10)
    wait = quota.take(1, 12)
    assert 48 < wait < 50
    assert not quota.take(20, 12 + wait + 0.001)


def test_it_is_whole_again_when_all_of_it_is_past() -> None:
    quota = LocalQuota(Allowance(10, 20, per_minute=30, cooldown_seconds=60))
    assert quota.is_whole(0)
    quota.take(20, 0)
    assert not quota.is_whole(1.9)
    assert not quota.is_whole(59)
    assert quota.is_whole(62)
    for _ in range(101):
        quota.take(20, 62)
    assert not quota.is_whole(64)
    assert quota.is_whole(62 + 63)
