"""Exports: numbers and rows written into files, in bounded memory, that no spreadsheet takes for formulas."""
