"""The operations of ELBv2, a module for each kind of object. Each takes the world and the request, and answers as AWS does."""
