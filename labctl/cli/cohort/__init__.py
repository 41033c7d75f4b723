"""labctl cohort: commands with which an instructor runs a class on a shared server."""
