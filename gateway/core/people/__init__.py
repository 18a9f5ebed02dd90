"""Values of people and events: their ids, times, and why an item is rejected."""
