"""Code that keeper and probe share. It uses only the standard library, because it is copied into the keeper's image."""
