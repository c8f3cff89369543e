"""Makes the site of docs/: `make docs`."""

import sys

from tools.site.build import ROOT, BuildError, build
from tools.site.reference import reference
from tools.site.stage import stage


def main() -> int:
    """Make the site; tell where it is, or what is broken."""
    try:
        first = build(stage(ROOT, reference()), ROOT / ".tools" / "docs")
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{first}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
