"""Lets buf call the gRPC generators through grpcio-tools, and makes each folder a typed package.

A plugin of protoc reads one request from stdin and writes one response to stdout. grpcio-tools
offers no such plugin: its gRPC generator is part of its own protoc. So this file is the plugin: it
hands the request's descriptors to that protoc and passes on what it wrote.
"""

# grpcio-tools has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc


def main() -> None:
    """Answer the one request on stdin."""
    request = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    response = CodeGeneratorResponse(
        supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    )
    for name, content in sorted([*package_files(request), *service_files(request)]):
        response.file.add(name=name, content=content)
    sys.stdout.buffer.write(response.SerializeToString())


def package_files(request: CodeGeneratorRequest) -> Iterator[tuple[str, str]]:
    """Yield what makes each generated folder a typed package."""
    for folder in {Path(name).parent for name in request.file_to_generate}:
        docstring = f"The generated messages and services of {'.'.join(folder.parts)}."
        yield str(folder / "__init__.py"), f'"""{docstring}"""\n'
        yield str(folder / "py.typed"), ""


def service_files(request: CodeGeneratorRequest) -> Iterator[tuple[str, str]]:
    """Yield the gRPC code and its types for each proto that declares a service, and no other."""
    declaring = {file.name for file in request.proto_file if file.service}
    names = sorted(declaring.intersection(request.file_to_generate))
    if not names:
        return
    with tempfile.TemporaryDirectory() as folder:
        descriptors = Path(folder, "descriptors.binpb")
        descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        out = Path(folder, "out")
        out.mkdir()
        command = [
            "protoc",
            f"--descriptor_set_in={descriptors}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=quiet,only_async:{out}",
        ]
        if protoc.main([*command, *names]) != 0:
            sys.exit("a gRPC generator failed")
        for path in out.rglob("*_grpc.py*"):
            yield str(path.relative_to(out)), path.read_text()


if __name__ == "__main__":
    main()
