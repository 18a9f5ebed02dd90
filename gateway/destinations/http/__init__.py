"""Any list API, declared as data: requests with placeholders, and how answers are to be read.

    schema.PARTS         the JSON Schema of each part of a declaration
    declaration.parse    a declaration → a frozen `Declaration`, or all that is wrong with it
    templates            JSON, paths and queries with placeholders
    signing              how requests are signed in
    reading              what an answer means
    push.Push            the adapter

There is no language in a declaration: a text that is wholly a placeholder becomes a JSON value. So
no value of a member can change the form of a body, a path, a query or a header.
"""
