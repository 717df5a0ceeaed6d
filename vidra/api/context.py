"""How a route gets at the services: through the application it belongs to."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from vidra.api.services import Services


def services_of(request: Request) -> Services:
    """Return the services of the application that serves the request."""
    services: Services = request.app.state.services
    return services


Context = Annotated[Services, Depends(services_of)]
