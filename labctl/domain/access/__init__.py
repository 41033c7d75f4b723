"""Permissions: the rules of a cohort's time, and the commands that the gateway allows learners."""
