"""Media servers as the owner knows them: signed in, checked, reached at their best address."""
