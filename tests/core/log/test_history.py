"""The bytes that histories count are those of what they hold, and stay under their bound."""

from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.log.base import Keep
from blackroad.core.log.entry import Entry
from blackroad.core.log.history import Histories
from blackroad.core.log.record import Record
from blackroad.core.log.ring import cost

KEYS = ["t.a", "t.b", "t.c"]
appends = st.tuples(st.sampled_from(KEYS), st.integers(0, 4), st.integers(0, 900))


@given(st.lists(appends | st.sampled_from(KEYS), max_size=40))
def test_what_is_counted_is_what_is_held(steps: list[tuple[str, int, int] | str]) -> None:
    histories = Histories(8_000)
    for offset, step in enumerate(steps, 1):
        if isinstance(step, str):
            histories.forget(step)
            continue
        key, keep, size = step
        entry = Entry(key, Record("", "message", bytes(size)), 0, 7, offset, offset, 0)
        histories.append(key, [entry], cost(entry), Keep(events=keep))
        kept = histories.page(key, 100, None, None, 0).entries
        assert kept[-1:] == [entry] * (keep > 0)
        pages = [histories.page(key, 100, None, None, 0).entries for key in KEYS]
        assert histories.bytes == sum(cost(entry) for page in pages for entry in page) <= 8_000
        assert all((key in histories) == bool(page) for key, page in zip(KEYS, pages, strict=True))


def test_an_entry_over_all_the_bytes_is_not_kept() -> None:
    histories = Histories(1_000)
    entry = Entry("t.a", Record("", "message", bytes(2_000)), 0, 7, 1, 1, 0)
    histories.append("t.a", [entry], cost(entry), Keep())
    assert histories.bytes == 0
    assert "t.a" not in histories
    assert list(histories.page("t.a", 10, None, None, 0).entries) == []
