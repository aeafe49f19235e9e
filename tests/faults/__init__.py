"""The fault harness: parts killed, paused and cut off over a seeded schedule, and every row held to the log."""
