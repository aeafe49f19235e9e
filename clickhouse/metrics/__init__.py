"""The catalogue of metrics: what each is, from which table it is read, and the answer to a question about it."""
