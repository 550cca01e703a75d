"""A Flower deployment of one's own on loopback, with TLS, node authentication and a liar: to see what a guard does before it matters."""
