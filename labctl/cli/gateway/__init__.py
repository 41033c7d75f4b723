"""labctl gateway: learners' access by SSH, and the output of a learner's session."""
