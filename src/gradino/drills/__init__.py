"""Drills: a project's promises, tried on purpose. A copy is operated, faults are injected, and what happens is judged.

    rows        the project's own newest rows, a day at a time, and how they drift
    project     the copy: the repository at HEAD, with a feed of its own
    rehearsal   the copy operated by `gradino up`, and the people who use it; pulse: constant traffic
    models data service evidence    the drills, each a function of a rehearsal
    result      what a drill says
    course      which drills, in which order, and what they leave behind
    record      results, kept in the store of the real project
    report      results as a page or as text

The command line calls `course.run`. Production is never touched: the real project is only read, until the results are
written down.
"""
