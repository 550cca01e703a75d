"""A guarded app: two files by Flower's conventions, and a policy beside them."""
