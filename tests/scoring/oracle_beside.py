"""BANT and product affinity in plain Python: activity rules count as those of engagement do."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from config.model_conditions import When
from config.model_sections import Engagement
from tests.scoring.oracle import engagement_of, settle
from tests.scoring.oracle_conditions import answers, is_machine
from tests.scoring.oracle_counting import Known
from tests.scoring.oracle_fit import answer_to
from tests.scoring.oracle_numbers import micro, rounded
from tests.scoring.oracle_visits import chains

if TYPE_CHECKING:
    from datetime import date

    from config.model import Model
    from config.model_sections import ActivityRule
    from config.model_special import Content
    from tests.scoring.oracle import Lines, Person

SETTLING = {"floor", "ceiling", "rounding"}
QUESTIONS = {
    "budget": "What is the budget, and who releases it?",
    "authority": "Who else decides?",
    "need": "Which problem must be solved?",
    "timeline": "By when must it be in use?",
}


def rules_points(
    model: Model, rules: list[ActivityRule], decay: Any, axis: str, known: Known, day: date
) -> tuple[int, Lines]:
    """Micro-points of some activity rules together, before any floor or ceiling, and their lines on `axis`."""
    own = [rule if rule.decay is not None else rule.model_copy(update={"decay": decay}) for rule in rules]
    alone = model.model_copy(update={"engagement": Engagement(rules=tuple(own))})
    lines: Lines = []
    contributions: list[tuple[str, int]] = []
    engagement_of(alone, None, day, Known(alone, [*known, *chains(alone, known)], known.outages), lines, contributions)
    return sum(points for _, points in contributions), [(axis, *line[1:]) for line in lines if line[2] not in SETTLING]


def bant_of(model: Model, person: Person, known: Known, day: date) -> tuple[dict[str, Any], Lines]:
    bant, lines, total, letters, question = model.bant, [], 0, "", None
    for name, default in QUESTIONS.items():
        dimension = getattr(bant, name)
        points, more = rules_points(model, list(dimension.rules), bant.decay, "bant", known, day)
        lines += more
        for criterion in dimension.criteria:
            answer = answer_to(model, criterion, person.attributes, day)
            if answer is None:
                lines.append(("bant", criterion.name, "unknown", 0, 0, None))
            elif answer:
                matched = criterion.when is None or answer != micro(criterion.otherwise)
                lines.append(("bant", criterion.name, "points" if matched else "otherwise", answer, 1, None))
            points += answer or 0
        limited = min(max(points, 0), micro(dimension.at_most))
        if limited != points:
            lines.append(("bant", name.capitalize(), "group_cap", limited - points, 0, None))
        total += limited
        met = limited >= micro(dimension.met_from if dimension.met_from is not None else dimension.at_most / 2)
        letters += name[0].upper() if met else "-"
        if not met and question is None:
            question = dimension.question or default
    score = settle("bant", total, lines)
    passed = "-" not in letters if bant.gate.sum is None else score >= bant.gate.sum
    status = "qualified" if passed else "open"
    return {"bant_score": score, "bant_met": letters, "bant_status": status, "bant_question": question}, lines


def affinity_of(model: Model, known: Known, day: date) -> tuple[dict[str, Any], Lines]:
    affinity, lines, scores = model.affinity, [], {}
    for product in affinity.products:
        rules = list(product.rules)
        if product.when is not None:
            rules += [about(rule, product.when) for rule in affinity.rules]
        total, more = rules_points(model, rules, affinity.decay, f"affinity:{product.name}", known, day)
        lines += more
        scores[product.name] = settle(f"affinity:{product.name}", total, lines)
    best = max(scores, key=scores.__getitem__)  # the first among equals
    if not scores[best]:
        return {}, lines
    row: dict[str, Any] = {"affinity_score": scores[best]}
    if scores[best] < affinity.at_least:
        return row, lines
    row |= {"product": best, "product_share": rounded(Fraction(100 * scores[best], sum(scores.values())))}
    contents = next(product.content for product in affinity.products if product.name == best)
    row["next_content"] = next((item.name for item in contents if not seen(model, item, known, day)), None)
    return row, lines


def about(rule: ActivityRule, product: When) -> ActivityRule:
    """The rule for activities about one product."""
    both = [condition for condition in (product, rule.when) if condition is not None]
    return rule.model_copy(update={"when": When.model_construct(all=both, any=None, not_=None)})


def seen(model: Model, content: Content, known: Known, day: date) -> bool:
    when = content.when or When.model_validate({"asset": {"is": content.name}})
    for event in known:
        fits = event.type in content.activity and answers(model, when, event, day)
        if fits and not is_machine(model, event, known):
            return True
    return False
