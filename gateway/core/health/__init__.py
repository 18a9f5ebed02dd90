"""Rules about the servers and the installation that the gateway runs on."""
