"""The SSH gateway for a cohort's learners: sshd's configuration, the broker, and the two programs that sshd starts."""
