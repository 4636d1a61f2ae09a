"""What flows tell a Prefect server, and how a local one is started."""
