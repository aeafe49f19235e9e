"""The scheduler: commands called at their due times, each due time once, whoever schedules and whatever dies."""
