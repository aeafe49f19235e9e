"""Product analytics: funnels, retention, cohorts and paths, asked of the raw events of a domain, person by person."""
