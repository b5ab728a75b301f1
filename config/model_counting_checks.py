"""What counts, caps and groups of the activity rules must have in common."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from config.model_counting import CAMPAIGN, VISIT, window_words
from config.vocabulary import DERIVED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.model import Model
    from config.model_condition_checks import Findings
    from config.model_counting import Cap
    from config.model_sections import ActivityRule
    from config.yaml_file import Loc


MAIL_FACTS: Final = frozenset({"asset", "campaign"})
"""What is known of the sending of an e-mail as well as of its opening."""


def lasting_cap(caps: Sequence[Cap]) -> float:
    """The points that the caps leave over all time; endless where they are all per window."""
    return min((cap.points for cap in caps if cap.per is None), default=math.inf)


def most_points(rule: ActivityRule) -> float:
    """The most points that a rule can give one person; endless where nothing ends them."""
    each = max(0.0, *rule.points)
    if rule.gives_once:
        total = each
    elif rule.count.to is not None and rule.count.per is None:
        total = each * (rule.count.to - rule.count.from_ + 1)
    else:
        total = math.inf if rule.points[-1] > 0 or rule.count.per is not None else sum(p for p in rule.points if p > 0)
    return min(total if each else 0.0, lasting_cap(rule.at_most))


def nests(inner: int | str | None, outer: int | str | None) -> bool:
    """Whether each window `inner` lies within one window `outer`; None is all time."""
    if outer is None or inner == outer:
        return True
    if inner is None or CAMPAIGN in {inner, outer} or outer == VISIT:
        return False
    return inner == VISIT or int(outer) % int(inner) == 0


def width(cap: Cap) -> float:
    """Orders caps from the narrowest window to all time."""
    if cap.per is None:
        return math.inf
    return 0.0 if isinstance(cap.per, str) else float(cap.per)


def check_counting(model: Model, find: Findings) -> None:
    """Check caps, counts and groups of `engagement`."""
    groups = model.engagement.groups
    for name, group in groups.items():
        _caps(find, ("engagement", "groups", name, "max"), group.max)
    for number, rule in enumerate(model.engagement.rules):
        loc: Loc = ("engagement", "rules", number)
        _caps(find, (*loc, "at_most"), rule.at_most)
        windowed = [cap for cap in rule.at_most if cap.per is not None]
        if windowed and not rule.count.counts_each:
            find.add((*loc, "at_most"), "a cap per window needs points for each event.", "Write `count: every`.")
        if len(rule.points) > 1 and rule.gives_once:
            find.add((*loc, "points"), "several points need points for each event.", "Write `count: every`.")
        windows = [rule.count.per, *(cap.per for cap in rule.at_most)]
        if rule.group in groups:
            windows += [groups[rule.group].fold, *(cap.per for cap in groups[rule.group].max)]
        if CAMPAIGN in windows and (rule.chain is not None or not DERIVED.isdisjoint(rule.activity)):
            find.add(
                loc,
                "visits, chains and re-opened mail are not told by campaign.",
                "Write another window, or take the rule out of the group.",
            )
        if rule.group in groups:
            _in_group(model, rule, find, loc)


def check_alone(rule: ActivityRule, find: Findings, loc: Loc) -> None:
    """Check what stands beside `stagnates` or `rate`, which take the place of every other way to count."""
    ways = [key for key in ("stagnates", "rate") if getattr(rule, key) is not None]
    for way in ways:
        others = {"count", "at_most", "within", "decay", "chain"} | (
            {"unless", "stagnates"} if way == "rate" else set()
        )
        for key in sorted(rule.model_fields_set & others):
            find.add((*loc, key), f"`{key}` has no meaning beside `{way}`.", "Remove it.")
    if rule.rate is None:
        return
    for place, fact, _ in rule.when.walk((*loc, "when")) if rule.when is not None else ():
        if fact not in MAIL_FACTS:
            find.add(place, f"not every e-mail has {fact!r}.", "Ask for `asset` or `campaign`.")
    for key, types in (("activity", rule.activity), ("rate", rule.rate.of)):
        for name in DERIVED.intersection(types):
            find.add((*loc, key), f"{name!r} is no e-mail of its own.", "Write email_open, or email_click.")


def _caps(find: Findings, loc: Loc, caps: Sequence[Cap]) -> None:
    for narrow, wide in pairwise(sorted(caps, key=width)):
        if narrow.per == wide.per:
            find.add(loc, "two caps for one window.", "Keep the lower one.")
        elif not nests(narrow.per, wide.per):
            words = f"{window_words(narrow.per or '')} does not lie within {window_words(wide.per or '')}"
            find.add(
                loc, f"a window of {words}.", "Write windows that divide each other, such as [10 per 7d, 30 per 14d]."
            )


def _in_group(model: Model, rule: ActivityRule, find: Findings, loc: Loc) -> None:
    group = model.engagement.groups[rule.group or ""]
    windows = [cap for cap in group.max if cap.per is not None]
    if windows:
        narrowest = min(windows, key=width)
        per = window_words(narrowest.per or "")
        if rule.gives_once:
            find.add(
                (*loc, "group"),
                f"group {rule.group!r} has a cap per {per}, which needs points for each event.",
                "Write `count: every` here, or take the rule out of the group.",
            )
        for cap in rule.at_most:
            if not nests(cap.per, narrowest.per) or cap.per is None:
                find.add(
                    (*loc, "at_most"),
                    f"this cap does not lie within that of group {rule.group!r}, which is per {per}.",
                    f"Write it per {per} or narrower, or the group's `max` without `per`.",
                )
    if group.fold is not None and (rule.stagnates is not None or rule.rate is not None or min(rule.points) < 0):
        find.add(
            (*loc, "group"),
            f"group {rule.group!r} folds events, where the one with most points counts: it takes no penalties.",
            "Put the rule into another group.",
        )
