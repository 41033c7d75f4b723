"""labctl cohort: a class on a shared server, for its instructor."""
