"""The console: pages for people, drawn on the server from the same flows as the API's answers."""
