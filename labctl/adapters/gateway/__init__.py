"""The way in for a cohort's learners: sshd's configuration, the broker, and the two programs that sshd starts."""
