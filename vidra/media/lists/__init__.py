"""What to take from a list: order, rules, plan, and the guard against fetching everything again. Pure."""
