"""Process lifecycle: ports, spawning, health, crash limits, graceful stop, instance lock and logs.

    spec = BackendSpec(name="api", command=("api-server",), port=PortSpec(), health=HealthSpec())
    async with Supervisor([spec], folder=data / "backends", logs=data / "logs") as supervisor:
        status = await supervisor.wait("api", {BackendState.HEALTHY}, limit=60)

Import from the modules: `interface` for the value types, `supervisor` for the thing that runs,
`lock` for a single instance of anything else. How it works: `docs/adr/0005-…`.
"""
