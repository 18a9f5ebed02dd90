"""What every room of the store uses: pools, statements, migrations and sessions."""
