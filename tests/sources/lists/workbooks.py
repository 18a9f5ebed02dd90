"""Workbooks, written by hand: as Excel writes them, and as an attacker would."""

import io
import zipfile
from collections.abc import Mapping, Sequence

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

ROOT_RELS = (
    f'<Relationships xmlns="{PACKAGE}">'
    f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    "</Relationships>"
)


def text(value: str) -> str:
    """Write a cell with a text of its own."""
    return f'<c t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'


def number(value: str, style: int | None = None) -> str:
    return f"<c><v>{value}</v></c>" if style is None else f'<c s="{style}"><v>{value}</v></c>'


def rows(*cells: Sequence[str]) -> str:
    return "".join(f"<row>{''.join(row)}</row>" for row in cells)


def sheet(content: str, *, space: str = MAIN) -> str:
    return f'<worksheet xmlns="{space}"><sheetData>{content}</sheetData></worksheet>'


def related(*targets: tuple[str, str, str]) -> str:
    """Write relations: id, kind and target of each."""
    found = [
        f'<Relationship Id="{one}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for one, kind, target in targets
    ]
    return f'<Relationships xmlns="{PACKAGE}">{"".join(found)}</Relationships>'


def parts(
    *sheets: str,
    shared: Sequence[str] = (),
    styles: str = "",
    since_1904: bool = False,
    others: Mapping[str, str | bytes] | None = None,
) -> dict[str, str | bytes]:
    """Write the parts of a workbook; the sheets are called One, Two and so on."""
    names = ("One", "Two", "Three")
    listed = "".join(
        f'<sheet name="{names[n]}" sheetId="{n + 1}" r:id="rId{n + 1}"/>'
        for n in range(len(sheets))
    )
    relations = [
        (f"rId{n + 1}", "worksheet", f"worksheets/sheet{n + 1}.xml") for n in range(len(sheets))
    ]
    relations += [("rIdS", "styles", "/xl/styles.xml"), ("rIdT", "sharedStrings", "shared.xml")]
    items = "".join(f"<si>{one}</si>" for one in shared)
    return {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": ROOT_RELS,
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
        f'<workbookPr date1904="{int(since_1904)}"/><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": related(*relations),
        "xl/shared.xml": f'<sst xmlns="{MAIN}">{items}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
        **{f"xl/worksheets/sheet{n + 1}.xml": one for n, one in enumerate(sheets)},
        **(others or {}),
    }


def zipped(given: Mapping[str, str | bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in given.items():
            archive.writestr(name, content)
    return file.getvalue()


def styles_of(*codes: str | int) -> str:
    """Write a style for each format: a number for one that is built in, a code for one's own."""
    formats, used = "", ""
    for place, code in enumerate(codes):
        number_format = code if isinstance(code, int) else 200 + place
        used += f'<xf numFmtId="{number_format}"/>'
        if isinstance(code, str):
            formats += f'<numFmt numFmtId="{number_format}" formatCode="{code}"/>'
    others = '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
    return f"<numFmts>{formats}</numFmts>{others}<cellXfs>{used}</cellXfs>"
