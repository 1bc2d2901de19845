"""`collector status`: is everything as it should be, and if not, what is not."""
