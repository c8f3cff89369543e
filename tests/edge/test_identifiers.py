"""Client ids and their channels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.names import check_name, token
from blackroad.edge.errors import Refusal
from blackroad.edge.identifiers import check_client_id, client_channel, identifier_of, token_of


@given(st.text(min_size=1, max_size=60))
def test_a_token_is_the_cores_token(identifier: str) -> None:
    assert token_of(identifier) == token(identifier)
    assert identifier_of(token_of(identifier)) == identifier


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30))
def test_every_client_has_a_channel_that_is_valid(client_id: str) -> None:
    assert check_name(client_channel(client_id)).startswith("client.")


@pytest.mark.parametrize("of_no_id", ["~", "~a", "~_w"])
def test_a_token_that_no_id_made_stays_as_it_is(of_no_id: str) -> None:
    assert identifier_of(of_no_id) in {of_no_id, ""}


@pytest.mark.parametrize("client_id", ["", "a" * 129, "a\nb", "a\x00"])
def test_what_is_no_id_is_refused(client_id: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_client_id(client_id)
    assert refused.value.code == "invalid_name"
