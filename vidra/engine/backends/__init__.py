"""Back ends the owner declares, as the supervisor and the people see them."""
