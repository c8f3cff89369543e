"""Tokens of pages lead back to the item that they were made of; anything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.channel.paging import item_before, page_size, token_after
from blackroad.core.errors import Code, Rejection


@given(st.text())
def test_a_token_leads_back_to_its_item(item: str) -> None:
    assert item_before(token_after(item)) == item


@given(st.text())
def test_any_other_text_is_refused_or_is_some_items_token(text: str) -> None:
    try:
        item = item_before(text)
    except Rejection as rejection:
        assert rejection.code is Code.BAD_FRAME  # noqa: PT017
    else:
        assert token_after(item) == text


@pytest.mark.parametrize(("asked", "size"), [(0, 50), (1, 1), (500, 500), (10_000, 500)])
def test_a_page_has_what_was_asked_for_up_to_its_bound(asked: int, size: int) -> None:
    assert page_size(asked) == size
