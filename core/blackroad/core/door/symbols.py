"""The names that gRPC reflection knows: those of methods too, for `grpcurl describe`."""

from typing import cast

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor

POOL = descriptor_pool.Default()


class Symbols:
    """The pool of all descriptors, which by itself finds a service but no method of it."""

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 (the pool's)
        """Return the file that declares it. Raises KeyError."""
        name, _, method = symbol.rpartition(".")
        try:
            service = POOL.FindServiceByName(name)
        except KeyError:
            return POOL.FindFileContainingSymbol(symbol)
        _ = service.methods_by_name[method]  # KeyError for one that there is not
        return service.file

    def __getattr__(self, name: str) -> object:
        """Be the pool in all else."""
        return getattr(POOL, name)

    @classmethod
    def pool(cls) -> descriptor_pool.DescriptorPool:
        """Return it as what reflection takes."""
        return cast("descriptor_pool.DescriptorPool", cls())
