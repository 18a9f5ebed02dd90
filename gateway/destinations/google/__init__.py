"""Customer Match of Google, through the Data Manager API."""
