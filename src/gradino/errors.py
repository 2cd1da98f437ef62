"""What can go wrong, as one tree. Every error says what was wrong, where, and what to do next.

GradinoError                exit code 2: the command could not do what was asked
├── ProjectError            gradino.toml, or the code it names, is wrong
├── DataError               a source or a contract failed
├── TrainingError           the project's training function failed or was stopped
├── ReleaseError            a release cannot go on
├── IntegrityError          something that was signed or hashed is not what it was
├── ServiceError            a port is taken, a process does not answer, a second one is already running
└── EvidenceError           the measured thing cannot be read
"""


class GradinoError(Exception):
    """`what` happened (one sentence) and what to do `next`; the command line prints both and no stack trace."""

    exit_code = 2

    def __init__(self, what: str, next: str = "") -> None:  # noqa: A002
        super().__init__(what, next)
        self.what, self.next = what, next

    def __str__(self) -> str:
        return f"{self.what}\n{self.next}" if self.next else self.what


class ProjectError(GradinoError): ...


class DataError(GradinoError): ...


class TrainingError(GradinoError): ...


class ReleaseError(GradinoError): ...


class IntegrityError(GradinoError): ...


class ServiceError(GradinoError): ...


class EvidenceError(GradinoError): ...
