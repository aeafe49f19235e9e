"""Product analytics over HTTP: addresses, and what answers look like."""
