"""Who may do what: the rules of a cohort's time, and what the gateway lets learners say."""
