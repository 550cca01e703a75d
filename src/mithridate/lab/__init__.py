"""A Flower deployment on loopback, with TLS, registered nodes and a liar: see what a guard does before it matters."""
