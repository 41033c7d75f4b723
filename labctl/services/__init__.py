"""One use case a file. Services talk to ports, and build nothing themselves."""
