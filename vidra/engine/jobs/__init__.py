"""What a person or a client may do with a job, and how a job becomes a flow run."""
