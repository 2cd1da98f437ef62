"""One self-contained page: a ladder drawn in SVG, every finding, the gaps. No script, no address is loaded."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from gradino import maturity
from gradino.maturity import Language
from gradino.measure.assessment import Assessment
from gradino.measure.plan import Plan
from gradino.measure.reports.words import WORDS, shared


def _page(template: str, **values: object) -> str:
    loader = PackageLoader("gradino.measure.reports", "pages")
    page = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return page.get_template(template).render(**values)


def report(assessment: Assessment, language: Language = "en") -> str:
    """The assessment as a page."""
    model = maturity.load(assessment.model)
    return _page("assessment.html", a=assessment, model=model, say=WORDS[language], language=language)


def portfolio(assessments: list[Assessment], common: tuple[str, int, int], language: Language = "en") -> str:
    """Projects × tracks as a heat map, and the gap that most of them have."""
    model = maturity.load(assessments[0].model)
    gap = shared(common, len(assessments), model, language)
    return _page("portfolio.html", every=assessments, gap=gap, model=model, say=WORDS[language], language=language)


def plan(made: Plan, language: Language = "en") -> str:
    """A plan as a page."""
    return _page("plan.html", plan=made, say=WORDS[language], language=language)
