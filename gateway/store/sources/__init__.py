"""SQL of sources and of the pages that they were refused."""
