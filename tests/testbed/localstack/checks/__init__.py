"""Does this AWS answer as AWS documents? One named check for each behaviour; `python -m checks URL` runs them all."""
