"""What each message of a handler brings about: one module per family of commands."""
