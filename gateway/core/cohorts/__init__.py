"""Values and decisions about cohorts, their pages and their members."""
