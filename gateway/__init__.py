"""Cohort Gateway: Mixpanel cohort syncs in, exact membership out."""

import shutil
import sys

__version__ = "0.1.0"

SUPPORTED_PYTHONS = ("3.14", "3.13", "3.12", "3.11")

if sys.version_info < (3, 11):  # noqa: UP036 - an older one gets a sentence
    here = "%d.%d" % sys.version_info[:2]  # noqa: UP031 - older ones must be able to read this
    found = [name for name in SUPPORTED_PYTHONS if shutil.which("python" + name)]
    hint = "use python" + found[0] if found else "install one of " + ", ".join(SUPPORTED_PYTHONS)
    raise SystemExit("Cohort Gateway does not run on Python " + here + "; " + hint + ".")
