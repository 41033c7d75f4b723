"""What must hold of a lab before learners get it."""
