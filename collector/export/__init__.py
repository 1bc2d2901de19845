"""`collector export`: rows out of the database into a file, exactly as they are."""
