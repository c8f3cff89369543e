"""What the values of settings may be: each is checked when it is read, before anything starts."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from blackroad.core.errors import Rejection
from blackroad.core.identity.identity import Action, Grant
from blackroad.core.log.engine import check_log
from blackroad.core.names import check_pattern


def _checked_pattern(pattern: str) -> str:
    try:
        return check_pattern(pattern)
    except Rejection as rejection:
        raise ValueError(rejection.message) from None


# Every command reads the names of all settings, and few have keys: what those need comes then.
def _checked_secret(secret: SecretStr) -> SecretStr:
    from blackroad.core.identity.keys import RefusedKeyError, read_secret

    try:
        read_secret(secret.get_secret_value())
    except RefusedKeyError as refused:
        raise ValueError(str(refused)) from None
    return secret


def _checked_public_key(pem_or_path: str) -> str:
    from blackroad.core.identity.keys import RefusedKeyError, read_public_key

    try:
        read_public_key(pem_or_path)
    except RefusedKeyError as refused:
        raise ValueError(str(refused)) from None
    return pem_or_path


def _checked_jwks(place: str) -> str:
    from blackroad.core.identity.jwks import read_key_set, reader_of
    from blackroad.core.identity.keys import RefusedKeyError

    reader_of(place)  # says by ValueError what is wrong with an address
    if "://" not in place:
        try:
            read_key_set(Path(place).read_bytes())
        except OSError:
            raise ValueError("the file cannot be read") from None
        except RefusedKeyError as refused:
            raise ValueError(str(refused)) from None
    return place


def _checked_file(path: str) -> str:
    try:
        Path(path).read_bytes()
    except OSError:
        raise ValueError("the file cannot be read") from None
    return path


def read_grant(text: str) -> Grant:
    """Return the grant that `pattern:action,action` spells; raise ValueError."""
    pattern, colon, words = text.rpartition(":")
    if not colon or not words:
        raise ValueError(f"{text!r} is not pattern:action,action")
    actions = frozenset(Action(word.strip()) for word in words.split(","))
    return Grant(_checked_pattern(pattern), actions)


def _checked_grants(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        read_grant(text)
    return texts


EngineAddress = Annotated[str, AfterValidator(check_log)]
File = Annotated[str, AfterValidator(_checked_file)]
Grants = Annotated[tuple[str, ...], AfterValidator(_checked_grants)]
Jwks = Annotated[str, AfterValidator(_checked_jwks)]
Pattern = Annotated[str, AfterValidator(_checked_pattern)]
PublicKey = Annotated[str, AfterValidator(_checked_public_key)]
Secret = Annotated[SecretStr, AfterValidator(_checked_secret)]
