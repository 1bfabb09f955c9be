"""What Azure Machine Learning writes: definitions of both of its versions."""
