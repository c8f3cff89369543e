"""The public surface, and the tree of errors in words."""

import inspect
import re

import blackroad.client as surface
from blackroad.client import errors


def test_all_is_what_can_be_imported_and_nothing_else() -> None:
    public = {
        name
        for name, value in vars(surface).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(surface.__all__)


def test_every_error_is_in_the_surface_and_in_the_tree_of_the_docstring() -> None:
    tree = dict(re.findall(r"^([ │├└─]*)(\w+)  ", errors.__doc__ or "", re.MULTILINE)) and {
        name: len(indent) // 4
        for indent, name in re.findall(r"^([ │├└─]*)(\w+)  ", errors.__doc__ or "", re.MULTILINE)
    }
    assert set(tree) == set(errors.__all__) <= set(surface.__all__)
    for name, depth in tree.items():
        kind: type[Exception] = getattr(errors, name)
        assert len([each for each in kind.__mro__ if each.__name__ in tree]) == depth


def test_what_is_public_has_a_docstring() -> None:
    for name in surface.__all__:
        value = getattr(surface, name)
        if inspect.isclass(value):
            assert value.__doc__, name
