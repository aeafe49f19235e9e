"""Reports: numbers and acts of a period as one HTML file with charts, made by command or by the scheduler."""
