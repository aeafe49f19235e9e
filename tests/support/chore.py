"""A command for tests of the scheduler: notes its process in a file, says something, and ends as it is told.

The standard library only, so that it starts at once: `python -I -S chore.py FILE ok|fail|sleep|mutter`.
"""

import os
import sys
import time

if __name__ == "__main__":
    path, what = sys.argv[1:3]
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    sys.stdout.write(f"told to {what}\n")
    sys.stdout.flush()
    if what == "mutter":  # what no text of PostgreSQL holds
        sys.stdout.buffer.write(b"a\0b\xff")
    if what == "sleep":
        time.sleep(60)
    sys.exit(3 if what == "fail" else 0)
