"""How many bikes will be rented in the next hour, from the calendar and the weather."""
