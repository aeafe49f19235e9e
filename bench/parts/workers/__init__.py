"""Each contestant's parts, as its library's documentation has them; started in the environments of the race."""
