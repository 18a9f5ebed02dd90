"""Cohorts from databases: queries are checked, sent to read, and their rows become members.

    queries.require(text, dialect) -> Query        exactly one statement, and it only reads
    vendors.VENDORS[kind]                          what a kind is set to, and its driver
    reading.open_session(vendor, target)           a session that only reads, by a checked address
    reading.read(session, definition, ...)         batches of members, as a load takes them

A vendor has a folder of its own. `settings` there declares it, without its client library;
`driver`, which needs that, is imported when a connection is made.
"""
