"""Where labctl meets the outside. The only place that imports the libraries that do."""
