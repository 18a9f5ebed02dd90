"""SQL of cohorts: inbox, membership, changes and what is kept about them."""
