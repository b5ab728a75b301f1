"""What the engine needs to score a mirror, plan included: `python -m benchmarks.scoring.by_engine MIRROR`.

With `--yesterday` it scores as of the day before and lets every record hold the result. With `--every` each so-manieth
person is scored, and nothing is planned. `--preset` takes a shipped model instead of the sixty rules.
"""

from __future__ import annotations

import argparse
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.scoring import data
from benchmarks.scoring.account import Account
from config.attributes import BUILT_IN
from config.model import load_model
from config.settings import StoreSettings
from scoring import engine
from scoring.facts import fields_of
from sync import changes
from sync.mirror import views

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from config.model import Model


def score(con: Any, model: Model, as_of: datetime, every: int = 1) -> None:
    """Create ``scores`` of everybody, or of each so-manieth person, as a run does."""
    prepared = engine.prepare(con, model, as_of, attributes=BUILT_IN, oldest=views.oldest(con))
    chosen = views.Chosen(tuple(range(every, views.last_person(con) + 1, every)))
    spans: Iterable[views.Span | views.Chosen] = [chosen]
    if every == 1:
        spans = views.spans(con, prepared.activity_bytes)
    for place, span in enumerate(spans):
        views.show(con, span, types=BUILT_IN, facts=prepared.facts)
        engine.score_people(con, prepared, more=place > 0)
    engine.finish(con, model)


def main() -> None:
    """Score and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring.by_engine", description=__doc__)
    parser.add_argument("mirror", type=Path)
    parser.add_argument("--yesterday", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--preset")
    parser.add_argument("--memory-mb", type=int, default=StoreSettings().memory_limit_mb)
    options = parser.parse_args()
    model = data.model()
    if options.preset is not None:
        model = load_model(Path(str(resources.files("config") / "presets" / f"{options.preset}.yaml")), BUILT_IN)
    with data.mirror(options.mirror, memory_limit_mb=options.memory_mb).open() as con:
        data.gather(con)
        account = Account()
        as_of = data.TODAY - timedelta(days=1 if options.yesterday else 0)
        score(con, model, as_of, options.every)
        if options.yesterday:
            data.observe(con)
        elif options.every == 1:
            changes.make(con, fields=fields_of(model), min_change=1, today=as_of.date(), refused=(), fence=1)
        account.close(con.execute(data.DIGEST.format(table="scores")).fetchall()[0])


if __name__ == "__main__":
    main()
