"""What went wrong: events of the story come in, incidents go out: to people, and as improvements of the project.

    record      incidents as rows: opened by what the story tells, once; what was learnt from them
    notify      messages to people: webhook, Slack, email
    watchers    the thread that samples the server, looks at alert rules and delivers
    proposals   what an incident suggests – a gate, a contract, a test, a slice, a threshold – as a change of files
    texts       these files
    improve     closing an incident with one of them, or with a reason

The loop calls `notice` and runs `Watchers`; the command line closes an incident.
"""

from gradino.operate.incidents.record import learning, notice, report
from gradino.operate.incidents.watchers import Watchers

__all__ = ["Watchers", "learning", "notice", "report"]
