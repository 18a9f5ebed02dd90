"""Redshift, which speaks PostgreSQL's protocol with a catalogue and settings of its own."""
