"""One module per arrow of the picture; flows own the transactions."""
