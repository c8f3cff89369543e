"""/asyncapi.json is what AsyncAPI's own schema of version 3.0 says a document is."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from blackroad.edge.rest.asyncapi import asyncapi

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def schema(packages: Path) -> jsonschema_rs.Validator:
    """Give the schema that the AsyncAPI project publishes."""
    path = packages / "@asyncapi" / "specs" / "schemas" / "3.0.0-without-$id.json"
    return jsonschema_rs.validator_for(json.loads(path.read_text()))


def test_the_document_is_valid(schema: jsonschema_rs.Validator) -> None:
    document = json.loads(json.dumps(asyncapi()))
    assert [error.message for error in schema.iter_errors(document)] == []
    del document["info"]
    assert not schema.is_valid(document)
