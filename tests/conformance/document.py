"""Holds frames against an AsyncAPI document: each is one of its messages, field for field."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Final, cast

import httpx
import jsonschema_rs

from blackroad.edge.rest.asyncapi import asyncapi

Object = dict[str, object]
# The message of an event, whose `type` is its own.
EVENT: Final = "event"


class Document:
    """An AsyncAPI document, and which of its messages were seen.

    What is sent is held strictly: a field that the document does not name is a fault, although
    clients pass over what they do not know. Of what is taken the edge passes over such fields.
    """

    def __init__(self, document: Mapping[str, object]) -> None:
        self.seen: set[str] = set()
        self._messages: dict[str, dict[str, list[str]]] = {}
        self._validators: dict[str, jsonschema_rs.Validator] = {}
        schemas = {"receive": document["components"], "send": _strict(document["components"])}
        for door, channel in _object(document["channels"]).items():
            for key, message in _object(_object(channel)["messages"]).items():
                action = key.partition(".")[0]
                named = self._messages.setdefault(f"{door}.{action}", {})
                named.setdefault(str(_object(message)["name"]), []).append(key)
                reference = str(_object(_object(message)["payload"])["$ref"])
                schema = {"$ref": reference, "components": schemas[action]}
                self._validators[f"{door}.{key}"] = jsonschema_rs.validator_for(schema)

    @property
    def messages(self) -> set[str]:
        """All messages, as `door.action.name`."""
        return set(self._validators)

    def check(self, door: str, action: str, payload: bytes | str, name: str = "") -> None:
        """Take one frame as seen; one that is none of the messages fails the test.

        `name` is what SSE says beside it. Without one it is the frame's own `type`.
        """
        frame: object = json.loads(payload)
        kinds = self._messages[f"{door}.{action}"]
        named = name or str(_object(frame).get("type", ""))
        keys = (
            kinds.get(named) or kinds.get(EVENT) or [key for keys in kinds.values() for key in keys]
        )
        faults: list[str] = []
        for key in keys:
            validator = self._validators[f"{door}.{key}"]
            if validator.is_valid(frame):
                self.seen.add(f"{door}.{key}")
                return
            faults += [f"{key}: {error.message}" for error in validator.iter_errors(frame)]
        raise AssertionError(f"{door} {action}: {payload!r} is not in the document: {faults}")


@cache
def ours() -> Document:
    """Return the document of this code."""
    return Document(asyncapi())


@cache
def of(http: str) -> Document:
    """Return the document that a deployment serves."""
    answer = httpx.get(f"http://{http}/asyncapi.json", trust_env=False).raise_for_status()
    return Document(_object(answer.json()))


def _object(value: object) -> Object:
    assert isinstance(value, dict), value
    return cast("Object", value)


def _strict(value: object) -> object:
    """Return a schema in which every object has the fields that are named, and no other."""
    if isinstance(value, list):
        return [_strict(each) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    schema = {name: _strict(each) for name, each in cast("Object", value).items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        schema["additionalProperties"] = False
    return schema
