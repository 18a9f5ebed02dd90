"""Values of sources: what each kind of them is set to."""
