"""Files of members: from bytes to batches of members with a receipt, without SQL or HTTP.

    options.faults(asked: Options) -> list[Fault]
    table.open_table(file, asked: Options, *, remembered) -> Table
    Table.batches(*, rows_per_batch) -> Iterator[Batch]
    rejected_rows.as_csv(columns, rows) -> Iterator[bytes]

A file is seekable, binary and on local disk. `open_table` finds out its format (`recognition`),
encoding (`encodings`), delimiter (`delimiters`) and columns (`layout`), and raises
errors.ReadFailed with a `core.cohorts.failures.Failure` for what is no table. Rows come in blocks
(`delimited`, `xlsx.sheet`), become members column by column (`cells`, or `ndjson` for objects), and
leave in batches (`batches`), which are values of the protocol `core.cohorts.load.Members`.
"""
