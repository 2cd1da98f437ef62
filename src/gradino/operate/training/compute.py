"""Where a training job runs. The one place to extend: a cluster would be a second case that submits `task` there.

What a submission returns is asked for three things: `done(seconds)`, `result()`, `kill()`. A task names its run, which
a cluster would take as the submission's id, so that submitting again after a crash finds the first one.
"""

from pathlib import Path

from gradino.operate.project import Project
from gradino.operate.project.process import Job, start
from gradino.operate.training.task import Outcome, Task


def submit(project: Project, task: Task, log: Path) -> Job[Outcome]:
    """Start the job of a run where the project's `compute` says."""
    match project.training.compute:
        case "local":
            return start(_work, log, task)


def _work(task: Task) -> Outcome:
    """The job; scikit-learn, MLflow and the project's code are imported there, not here."""
    from gradino.operate.training.job import train

    return train(task)
