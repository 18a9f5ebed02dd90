"""Rules over people and events: values and decisions."""
