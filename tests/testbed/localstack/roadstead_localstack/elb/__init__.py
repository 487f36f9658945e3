"""The operations of ELBv2, by kind of object: each takes the world and a request, and answers as AWS does."""
