"""From the state's change feed to many subscribers: shared followers, bounded queues, resumable places."""
