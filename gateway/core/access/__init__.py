"""Values of access: scopes, keys and logins."""
