"""Rules, run and explained."""
