"""Retention as one policy: what each class of data is kept for, what is due, and what was done."""
