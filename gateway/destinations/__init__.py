"""Where the members of cohorts are sent: a kind for each vendor, behind one protocol."""
