"""Process lifecycle: ports, spawning, health, crash limits, graceful stop, instance lock and logs.

Import from the modules: `interface` for the value types, `supervisor` for the thing that runs.
"""
