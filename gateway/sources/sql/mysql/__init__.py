"""MySQL, and MariaDB, which speaks its protocol."""
