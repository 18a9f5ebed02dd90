"""People and events as they are posted: our own shape, that of Segment, and that of Kursaha."""
