"""Each change of a cohort, signed by Standard Webhooks."""
