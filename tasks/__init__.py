"""Prefect tasks: retries, timeouts and artifacts around plain functions of `vidra`."""
