"""labctl gateway: learners' access by SSH, and what a learner's session shows."""
