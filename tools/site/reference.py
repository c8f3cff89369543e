"""The generated pages: one for each proto file, one of the HTTP routes, one of the frames."""

import subprocess
import sys
from pathlib import Path

import msgspec
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from blackroad.edge.app import make_app
from blackroad.edge.rest.asyncapi import asyncapi
from blackroad.edge.server import Edge
from blackroad.edge.settings import EdgeSettings
from tools.site import contract
from tools.site.asyncapi import frames_page
from tools.site.documents import AsyncApi, OpenApi
from tools.site.openapi import http_page


def reference() -> dict[str, str]:
    """Return the pages by their paths in the site."""
    openapi = make_app(Edge(EdgeSettings()).context).openapi()
    return {
        "reference/http.md": http_page(msgspec.convert(openapi, OpenApi)),
        "reference/frames.md": frames_page(msgspec.convert(asyncapi(), AsyncApi)),
        **{f"reference/grpc/{name}": text for name, text in contract.pages(descriptors()).items()},
    }


def descriptors() -> FileDescriptorSet:
    """Return the contract with its comments."""
    buf = Path(sys.executable).parent / "buf"
    built = subprocess.run(  # noqa: S603 - our own words
        [buf, "build", "--as-file-descriptor-set", "-o", "-"],
        cwd=Path(__file__).parent.parent.parent,
        stdout=subprocess.PIPE,
        check=True,
    )
    return FileDescriptorSet.FromString(built.stdout)
