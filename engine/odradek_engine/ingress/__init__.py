"""The door for requests to handlers: HTTP in, commands to the gateway, outcomes back as responses."""
