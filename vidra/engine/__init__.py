"""The only room that knows Prefect: server, runs, worker, deployments. Nothing imports it early."""
