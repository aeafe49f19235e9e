"""Erasure of one person: from tables and archive, with a pseudonym that keeps the person's later events out."""
