"""Gaps as SARIF 2.1.0, so that code-scanning pages show them at their files."""

import json
import re
from typing import Any

from gradino import maturity
from gradino.maturity import Language
from gradino.measure.assessment import Assessment, RungVerdict


def report(assessment: Assessment, language: Language = "en") -> str:
    """One result per gap; its places are the findings that fell short."""
    model = maturity.load(assessment.model)
    rules, results = [], []
    for gap in assessment.gaps:
        words = model.track(gap.track)
        rung = next(r for r in words.rungs if r.level == gap.next)
        judged = next(r for r in assessment.track(gap.track).rungs if r.level == gap.next)
        name = f"{gap.track}@{gap.next}"
        rules.append({
            "id": name,
            "shortDescription": {"text": words.name.in_(language)},
            "fullDescription": {"text": rung.says.in_(language)},
            "help": {"text": f"{rung.criterion.in_(language)} {rung.deliverable.in_(language)}"},
        })  # fmt: skip
        result: dict[str, Any] = {
            "ruleId": name,
            "level": "note" if gap.verdict == "unknown" or gap.exempt else "warning",
            "message": {"text": f"{gap.held} → {gap.next}: {rung.says.in_(language)}"},
            "locations": _places(judged) or [_place("README.md", 1)],
        }
        if gap.exempt:
            result["suppressions"] = [{"kind": "external", "justification": gap.exempt}]
        results.append(result)
    tool = {"driver": {"name": "gradino", "rules": rules}}
    run = {"tool": tool, "results": results, "columnKind": "unicodeCodePoints"}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _places(judged: RungVerdict) -> list[dict[str, Any]]:
    found = []
    for evidence in judged.evidence:
        match = re.fullmatch(r"(.+?):(\d+)", evidence.locator)
        if match and "//" not in match[1]:
            found.append(_place(match[1], int(match[2])))
    return found[:5]


def _place(path: str, line: int) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": max(line, 1)}}}
