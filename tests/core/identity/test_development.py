"""Development mode: everybody has every right, on what clients may use at all."""

import pytest

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.authorize import allows
from blackroad.core.identity.development import developer_service, developer_user
from blackroad.core.identity.identity import Action, Kind

NAMES = ["orders.new", "presence.agent.ECHO", "stream.st_1", "client.me", "system.control", ">"]


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_allowed_on_every_name(action: Action, name: str) -> None:
    for identity in (developer_service(), developer_user("me")):
        assert allows(identity, action, name)


def test_a_service_may_speak_for_browsers_and_a_user_may_not() -> None:
    assert developer_service().speaks_for_others
    assert not developer_user("me").speaks_for_others
    assert developer_service().kind is Kind.SERVICE


def test_a_user_is_the_client_id_of_its_path() -> None:
    assert developer_user("me").subject == "me"
    assert developer_user().subject == "developer"


def test_a_client_id_is_checked() -> None:
    with pytest.raises(Rejection) as raised:
        developer_user("new\nline")
    assert raised.value.code is Code.INVALID_NAME
