"""What should run by itself and when, and how the Prefect server is made to agree."""
