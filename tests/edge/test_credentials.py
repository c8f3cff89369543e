"""What a request shows, and which of it counts."""

import pytest

from blackroad.edge.credentials import COOKIE, Credentials, read_credentials
from blackroad.edge.errors import Refusal

COOKIES = {COOKIE: "pass_c"}
QUERY = {"ticket": "t"}


def test_header_subprotocol_ticket_cookie_in_this_order() -> None:
    headers = {"authorization": "Bearer h"}
    offered = ["blackroad.v1", "bearer.s"]
    assert read_credentials(headers, offered, QUERY, COOKIES) == Credentials(token="h")
    assert read_credentials({}, offered, QUERY, COOKIES) == Credentials(token="s")
    assert read_credentials({}, (), QUERY, COOKIES) == Credentials(ticket="t")
    assert read_credentials({}, (), {}, COOKIES) == Credentials(ticket="pass_c")
    assert read_credentials({}) == Credentials()


def test_other_schemes_are_not_tokens() -> None:
    assert read_credentials({"authorization": "Basic eDp5"}) == Credentials()


def test_a_cookie_does_not_count_for_a_page_of_another_site() -> None:
    assert read_credentials({"sec-fetch-site": "cross-site"}, (), {}, COOKIES) == Credentials()


def test_a_cookie_in_the_url_is_refused() -> None:
    with pytest.raises(Refusal, match="URL"):
        read_credentials({}, (), {"ticket": "pass_c"})
