"""A project as whoever uses it meets it: requests over HTTP, commands, commits. `demo` and `drills` play users with it.

Nothing here knows what is behind: what these functions can do, any application, shell or pipeline can do.
"""
