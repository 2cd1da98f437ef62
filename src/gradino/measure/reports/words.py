"""The few words that reports add to the model's own."""

# ruff: noqa: E501 - a table reads better unwrapped

from gradino.maturity import Language, Model

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "level": "Level",
        "without people": "without people",
        "seen to work": "seen to work",
        "set up": "set up",
        "at best": "at best",
        "missing": "missing",
        "notes": "things could not be read",
        "next": "Next",
        "track": "Track",
        "evidence": "Evidence",
        "gaps": "What is missing",
        "projects": "Projects",
        "common": "Most common gap",
        "dimension": "Dimension",
        "needs": "Needs",
        "measured": "Measured by gradino",
        "plan": "Plan",
        "increment": "Increment",
        "days": "person-days",
        "roles": "roles",
        "done when": "done when",
        "deliverable": "deliverable",
        "files": "files",
        "exempt": "exempt",
        "claimed": "Claimed in a README, not found",
        "history": "History",
        "fell": "fell",
        "nothing left": "Nothing is left to do up to this level.",
        "assumes": "one team that knows its tools|access to the systems it deploys to|no procurement or approval in between",
    },
    "it": {
        "level": "Livello",
        "without people": "senza le persone",
        "seen to work": "visto funzionare",
        "set up": "predisposto",
        "at best": "al meglio",
        "missing": "manca",
        "notes": "cose illeggibili",
        "next": "Prossimo passo",
        "track": "Tracciato",
        "evidence": "Prove",
        "gaps": "Che cosa manca",
        "projects": "Progetti",
        "common": "Lacuna più comune",
        "dimension": "Dimensione",
        "needs": "Serve",
        "measured": "Misurato da gradino",
        "plan": "Piano",
        "increment": "Incremento",
        "days": "giorni-persona",
        "roles": "ruoli",
        "done when": "fatto quando",
        "deliverable": "risultato",
        "files": "file",
        "exempt": "esentato",
        "claimed": "Affermato in un README, non trovato",
        "history": "Storia",
        "fell": "scende",
        "nothing left": "Fino a questo livello non resta nulla da fare.",
        "assumes": "un gruppo che conosce i propri strumenti|accesso ai sistemi su cui distribuisce|nessun acquisto né approvazione nel mezzo",
    },
}


def shared(common: tuple[str, int, int], projects: int, model: Model, language: Language) -> str:
    """The gap that most of the projects have, in a sentence; empty where there is none."""
    track, level, count = common
    if not track:
        return ""
    rung = next(r for r in model.track(track).rungs if r.level == level)
    return f"{model.track(track).name.in_(language)}: {rung.says.in_(language)} ({count}/{projects})"
