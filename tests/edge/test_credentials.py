"""What a request shows, and which of it counts."""

from blackroad.edge.credentials import COOKIE, Credentials, read_credentials


def test_header_subprotocol_ticket_cookie_in_this_order() -> None:
    headers = {"authorization": "Bearer h"}
    cookies = {COOKIE: "c"}
    query = {"ticket": "t"}
    offered = ["blackroad.v1", "bearer.s"]
    assert read_credentials(headers, query, cookies, offered) == Credentials(token="h")
    assert read_credentials({}, query, cookies, offered) == Credentials(token="s")
    assert read_credentials({}, query, cookies) == Credentials(ticket="t")
    assert read_credentials({}, {}, cookies) == Credentials(token="c")
    assert read_credentials({}, {}, {}) == Credentials()


def test_other_schemes_are_not_tokens() -> None:
    assert read_credentials({"authorization": "Basic eDp5"}, {}, {}) == Credentials()
