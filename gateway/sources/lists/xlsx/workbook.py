"""A workbook: which parts of the archive are the sheets, and what their cells refer to."""

from __future__ import annotations

import dataclasses
import posixpath
from typing import IO, TYPE_CHECKING, Final

from gateway import errors
from gateway.core import texts
from gateway.core.cohorts.failures import Failure
from gateway.sources.lists.xlsx import archive, formats, markup, shared

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Mapping, Sequence

# Sheets, or relations of a part.
_MAX_ENTRIES: Final = 10_000
_SHOWN_SHEETS: Final = 20
_SHOWN_CHARACTERS: Final = 60
_TRUE: Final = ("1", "true")
_NAMES: Final = markup.known("sheet", "workbookPr", "Relationship")

_ROOT: Final = ""
_WORKBOOK: Final = "officeDocument"
_WORKSHEET: Final = "worksheet"
_SHARED: Final = "sharedStrings"
_STYLES: Final = "styles"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Workbook:
    """One sheet of a workbook, and what is needed to read it."""

    archive: zipfile.ZipFile
    sheet: str
    texts: shared.Texts
    kinds: Sequence[formats.Kind]
    since_1904: bool

    @property
    def sheet_bytes(self) -> int:
        """The size of the sheet's XML."""
        return self.archive.getinfo(self.sheet).file_size


def open_sheet(file: IO[bytes], name: str | None) -> Workbook:
    """Find the sheet of this name, or the first one. Raises errors.ReadFailed."""
    opened = archive.open_zip(file)
    main = next((one.target for one in _relations(opened, _ROOT) if one.kind == _WORKBOOK), None)
    if main is None:
        raise archive.damaged()
    related = _relations(opened, main)
    book = _Book()
    _parse(opened, main, book)
    targets = {one.id: one.target for one in related if one.kind == _WORKSHEET}
    sheets = {title: targets[link] for title, link in book.sheets if link in targets}
    parts = {one.kind: one.target for one in related if one.target in opened.NameToInfo}
    sheet = _chosen(sheets, name)
    with archive.translated():
        opened.getinfo(sheet)
        texts_found = _shared(opened, parts.get(_SHARED))
        kinds = _kinds(opened, parts.get(_STYLES))
    return Workbook(
        archive=opened,
        sheet=sheet,
        texts=texts_found,
        kinds=kinds,
        since_1904=book.since_1904,
    )


def _chosen(sheets: Mapping[str, str], name: str | None) -> str:
    if name is None:
        first = next(iter(sheets.values()), None)
        if first is None:
            raise archive.damaged()
        return first
    if name not in sheets:
        shown = [f"“{texts.cut(title, _SHOWN_CHARACTERS)}”" for title in sheets][:_SHOWN_SHEETS]
        raise errors.ReadFailed(
            Failure.SHEET_MISSING,
            f"The workbook has no sheet “{texts.cut(name, _SHOWN_CHARACTERS)}”;"
            f" it has {', '.join(shown)}.",
            hint="Choose one of these sheets, or none to read the first one.",
        )
    return sheets[name]


def _shared(opened: zipfile.ZipFile, part: str | None) -> shared.Texts:
    if part is None:
        return shared.Texts()
    with opened.open(part) as file:
        return shared.read(file)


def _kinds(opened: zipfile.ZipFile, part: str | None) -> Sequence[formats.Kind]:
    if part is None:
        return []
    with opened.open(part) as file:
        return formats.read(file)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Relation:
    id: str
    kind: str
    target: str


def _relations(opened: zipfile.ZipFile, part: str) -> Sequence[_Relation]:
    """Read what a part refers to."""
    folder, name = posixpath.split(part)
    reader = _Relations(folder)
    _parse(opened, posixpath.join(folder, "_rels", f"{name}.rels"), reader)
    return reader.found


def _parse(opened: zipfile.ZipFile, part: str, handler: markup.Handler) -> None:
    with archive.translated(), opened.open(part) as file:
        for _ in markup.stream(file, handler):
            pass


class _Relations:
    """Takes the relations of a part in a folder."""

    def __init__(self, folder: str) -> None:
        self.found: list[_Relation] = []
        self._folder = folder

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if _NAMES.get(name) != "Relationship":
            return
        target = posixpath.join("/", self._folder, attributes.get("Target", ""))
        relation = _Relation(
            id=attributes.get("Id", ""),
            kind=attributes.get("Type", "").rpartition("/")[2],
            target=posixpath.normpath(target).lstrip("/"),
        )
        self.found.append(relation)
        if len(self.found) > _MAX_ENTRIES:
            raise archive.too_large("The workbook has too many parts.")

    def end(self, name: str) -> None:
        """Take nothing: all that matters is in the attributes."""

    def text(self, text: str) -> None:
        """Take nothing, as above."""


class _Book:
    """Takes the sheets of a workbook, and from when its dates count."""

    def __init__(self) -> None:
        self.sheets: list[tuple[str, str]] = []
        self.since_1904 = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        match _NAMES.get(name):
            case "workbookPr":
                self.since_1904 = attributes.get("date1904") in _TRUE
            case "sheet":
                link = next((value for key, value in attributes.items() if _is_link(key)), "")
                self.sheets.append((attributes.get("name", ""), link))
        if len(self.sheets) > _MAX_ENTRIES:
            raise archive.too_large("The workbook has too many sheets.")

    def end(self, name: str) -> None:
        """Take nothing: all that matters is in the attributes."""

    def text(self, text: str) -> None:
        """Take nothing, as above."""


def _is_link(attribute: str) -> bool:
    space, _, local = attribute.rpartition(" ")
    return local == "id" and space.endswith("/relationships")
