"""The version of the installed product; every row and every intent carries it."""

from importlib.metadata import version

VERSION = version("millrace")
