"""What keeper and probe share. Standard library only: it is copied into the keeper's image."""
