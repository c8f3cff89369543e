"""The reference of the contract: a page for each proto file, out of its comments."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

from tools.site.text import page, paragraphs, prose, slug, table

PACKAGE: Final = "blackroad.realtime.v1"
# Numbers of the fields of descriptor.proto, of which a comment's path is made.
MESSAGES, ENUMS, SERVICES, METHODS, FIELDS, VALUES = 4, 5, 6, 2, 2, 2
NESTED_MESSAGES, NESTED_ENUMS, ONEOFS = 3, 4, 8
Kind = FieldDescriptorProto.Type
REPEATED: Final = FieldDescriptorProto.LABEL_REPEATED


def pages(contract: FileDescriptorSet) -> dict[str, str]:
    """Return the pages by their names, `stream.md`."""
    files = [file for file in contract.file if file.package == PACKAGE]
    homes = dict(_homes(files))
    return {f"{_stem(file)}.md": _Page(file, homes).text() for file in files}


def title(file: FileDescriptorProto) -> str:
    """Return a page's title: its service, or what its messages are about."""
    return file.service[0].name if file.service else f"Messages: {_stem(file)}"


def _stem(file: FileDescriptorProto) -> str:
    return PurePosixPath(file.name).stem


def _homes(files: Sequence[FileDescriptorProto]) -> Iterator[tuple[str, str]]:
    """Yield each type's full name, and where it is shown."""
    for file in files:
        messages = [each.name for each in file.message_type]
        enums = [each.name for each in file.enum_type]
        nested = [f"{m.name}.{name}" for m in file.message_type for name in _inner(m)]
        for name in [*messages, *enums, *nested]:
            yield f".{PACKAGE}.{name}", f"{_stem(file)}.md#{slug(name)}"


def _inner(message: DescriptorProto) -> list[str]:
    whole = [each.name for each in message.nested_type if not each.options.map_entry]
    return whole + [each.name for each in message.enum_type]


class _Page:
    """One file's page."""

    def __init__(self, file: FileDescriptorProto, homes: dict[str, str]) -> None:
        self._file = file
        self._homes = homes
        self._comments = {
            tuple(place.path): place.leading_comments
            for place in file.source_code_info.location
            if place.leading_comments
        }

    def text(self) -> str:
        """Return the page."""
        file = self._file
        services = [self._service(each, (SERVICES, at)) for at, each in enumerate(file.service)]
        messages = [
            self._message(each, each.name, (MESSAGES, at))
            for at, each in enumerate(file.message_type)
        ]
        enums = [self._enum(each, each.name, (ENUMS, at)) for at, each in enumerate(file.enum_type)]
        where = f"`{file.name}`, package `{PACKAGE}`."
        return page(
            f"# {title(file)}",
            where,
            *services,
            "## Messages" if file.service else "",
            *messages,
            "## Enums" if enums else "",
            *enums,
        )

    def _comment(self, *path: int) -> str:
        return self._comments.get(path, "")

    def _service(self, service: ServiceDescriptorProto, path: tuple[int, ...]) -> str:
        calls = [self._rpc(each, (*path, METHODS, at)) for at, each in enumerate(service.method)]
        return page(paragraphs(self._comment(*path)), *calls).rstrip()

    def _rpc(self, rpc: MethodDescriptorProto, path: tuple[int, ...]) -> str:
        request = self._link(rpc.input_type, stream=rpc.client_streaming)
        response = self._link(rpc.output_type, stream=rpc.server_streaming)
        return page(
            f"### rpc {rpc.name}", f"{request} → {response}", paragraphs(self._comment(*path))
        ).rstrip()

    def _link(self, full_name: str, *, stream: bool = False) -> str:
        home = self._homes.get(full_name)
        name = full_name.removeprefix(f".{PACKAGE}.").removeprefix(".")
        return ("stream of " if stream else "") + (f"[{name}]({home})" if home else f"`{name}`")

    def _message(self, message: DescriptorProto, name: str, path: tuple[int, ...]) -> str:
        rows = [
            self._field(message, each, (*path, FIELDS, at)) for at, each in enumerate(message.field)
        ]
        choices = [
            f"One of `{each.name}`: {prose(comment)}"
            for at, each in enumerate(message.oneof_decl)
            if (comment := self._comment(*path, ONEOFS, at))
        ]
        return page(
            f"### {name}",
            paragraphs(self._comment(*path)),
            *choices,
            table(("field", "number", "type", "what it is"), rows),
            *(
                self._message(each, f"{name}.{each.name}", (*path, NESTED_MESSAGES, at))
                for at, each in enumerate(message.nested_type)
                if not each.options.map_entry
            ),
            *(
                self._enum(each, f"{name}.{each.name}", (*path, NESTED_ENUMS, at))
                for at, each in enumerate(message.enum_type)
            ),
        ).rstrip()

    def _field(
        self, message: DescriptorProto, field: FieldDescriptorProto, path: tuple[int, ...]
    ) -> tuple[str, str, str, str]:
        said = prose(self._comment(*path))
        if field.HasField("oneof_index") and not field.proto3_optional:
            said = f"*{message.oneof_decl[field.oneof_index].name}*: {said}"
        return f"`{field.name}`", str(field.number), self._type(message, field), said

    def _type(self, message: DescriptorProto, field: FieldDescriptorProto) -> str:
        entries = [each for each in message.nested_type if _is_entry(message, field, each)]
        for entry in entries:
            key, value = entry.field
            return f"map of {self._type(entry, key)} to {self._type(entry, value)}"
        if field.type_name:
            one = self._link(field.type_name)
        else:
            one = f"`{Kind.Name(field.type).removeprefix('TYPE_').lower()}`"
        if field.label == REPEATED:
            return f"list of {one}"
        return f"{one}, optional" if field.proto3_optional else one

    def _enum(self, enum: EnumDescriptorProto, name: str, path: tuple[int, ...]) -> str:
        rows = [
            (f"`{each.name}`", str(each.number), prose(self._comment(*path, VALUES, at)))
            for at, each in enumerate(enum.value)
        ]
        return page(
            f"### {name}",
            paragraphs(self._comment(*path)),
            table(("value", "number", "what it is"), rows),
        ).rstrip()


def _is_entry(
    message: DescriptorProto, field: FieldDescriptorProto, nested: DescriptorProto
) -> bool:
    named = f".{PACKAGE}.{message.name}.{nested.name}"
    return nested.options.map_entry and field.type_name == named
