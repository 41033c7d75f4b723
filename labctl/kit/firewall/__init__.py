"""Find out which packets a box lets in, from each side: all of them, and not a sample."""
