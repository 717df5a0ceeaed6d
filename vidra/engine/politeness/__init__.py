"""How much is asked of sites: limits across processes, and breakers that wait out refusals."""
