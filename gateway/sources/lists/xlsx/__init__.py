"""Excel workbooks (XLSX, ECMA-376), read as a stream: nothing but shared texts stays in memory.

`archive` opens the zip file and keeps it within bounds, `markup` streams one XML part of it,
`workbook` finds the sheets, `shared` and `formats` hold what cells refer to, `sheet` reads rows.
"""
