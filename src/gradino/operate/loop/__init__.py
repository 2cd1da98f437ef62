"""What moves everything: one operator per project, and the supervisor that keeps operator, server and page alive.

The operator has two lanes. The quick one runs every fraction of a second and only reads records and moves rows; each
of its steps commits its own progress. The slow one holds what takes seconds (collect, train, gates) as DBOS workflows
that are found again after a crash; their key is the row they work on, so the same thing is never done twice.
"""
