"""The HTTP interface: live numbers, metrics and the dashboard."""
