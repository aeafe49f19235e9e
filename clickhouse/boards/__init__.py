"""Boards: who or what ranks first, with its rank, its figures, and its rank in the time before."""
