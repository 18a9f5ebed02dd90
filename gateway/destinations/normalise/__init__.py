"""What normalising has in common for all vendors: phone numbers and hashes."""
