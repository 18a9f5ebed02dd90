"""Wheels made on the spot, to stand for packages that an index has."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path


def write(folder: Path, name: str, version: str, *, files: Mapping[str, str] | None = None) -> Path:
    """Write a wheel of any Python into a folder that pip can look into; returns its path.

    `files` are paths in the wheel and their texts; `entry_points.txt` goes to the metadata.
    """
    stem = f"{re.sub(r'[-_.]+', '_', name)}-{version}"
    made, info = folder / f"{stem}-py3-none-any.whl", f"{stem}.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    for path, text in (files or {}).items():
        texts[f"{info}/{path}" if path == "entry_points.txt" else path] = text
    texts[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*texts, f"{info}/RECORD"])
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)
    return made
