"""The requirements that a lab must meet before learners get it."""
