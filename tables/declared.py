"""The one list of everything that is counted over time."""

from tables import rides, ticketing
from tables.window import Declared

declared = Declared()
"""The windows of the product."""
rides.declare(declared)
ticketing.declare(declared)
