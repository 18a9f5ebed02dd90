"""Tables of people and events, and the statements on them."""
