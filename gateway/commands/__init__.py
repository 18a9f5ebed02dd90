"""The command line: one file for each noun, gathered in `gateway.__main__`."""
