"""`python -m bench.oldest`: measure the ingest on the oldest supported servers, Debian's."""

from __future__ import annotations

import subprocess
import sys

from tests import matrix
from tests.matrix import Servers


def main() -> int:
    """Run the benchmark where Debian's programs are found in the place of the wheels'."""
    words = [sys.executable, "-m", "bench.webhook", "--ingest", *sys.argv[1:]]
    with matrix.packages(Servers.DEBIAN) as environ:
        return subprocess.run(words, env=dict(environ), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
