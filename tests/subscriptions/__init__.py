"""Subscriptions from the list to the library, and what they remember."""
