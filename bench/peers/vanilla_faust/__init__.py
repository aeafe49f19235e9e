"""Faust as its documentation has it."""
