"""What a schema cannot say: of one definition, and between the files of a catalog."""
