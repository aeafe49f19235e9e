"""Exports over HTTP: numbers and rows as files, at once or made as jobs."""
