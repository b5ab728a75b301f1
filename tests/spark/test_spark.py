"""The engine on a local Spark session over Parquet: the same rows as DuckDB gives, ledger and all.

Needs the extra ``spark``: `make test-spark` installs it.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from config.attributes import BUILT_IN
from config.model import checked_model, load_model
from config.yaml_file import Document
from scoring.engine import score
from scoring.portable import OPTIONS, RELATIONS, OnSpark
from tests.scoring import rich
from tests.scoring.mirror import fill
from tests.scoring.strategies import AS_OF, ATTRIBUTES, NOW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.model import Model
    from tests.scoring.oracle import Person

sessions = pytest.importorskip("pyspark.sql", reason="the extra spark is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SMALL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.default.parallelism": "1",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.constraintPropagation.enabled": "false",
}
"""For few rows: what takes time with them is to plan and to compile."""


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    warehouse = {"spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse"))}
    session = (
        sessions.SparkSession.builder.master("local[2]").config(map={**OPTIONS, **SMALL, **warehouse}).getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def assert_same(spark: Any, folder: Path, model: Model, crowd: list[Person], attributes: Mapping[str, str]) -> None:
    outage = ("page_view", NOW.date().replace(month=2, day=3), NOW.date().replace(month=2, day=9))
    with duckdb.connect(":memory:") as con:
        con.execute("SET TimeZone = 'UTC'")
        fill(con, crowd, attributes, outages=[outage])
        for relation in RELATIONS:
            path = str(folder / f"{relation}.parquet")
            con.execute(f"COPY (FROM {relation}) TO '{path}' (FORMAT parquet)")
            spark.read.parquet(path).createOrReplaceTempView(relation)
        score(con, model, AS_OF, attributes=attributes)
        score(OnSpark(spark, str(folder / "work")), model, AS_OF, attributes=attributes)
        for answer in ("ledger", "scores"):
            wanted = con.execute(f"FROM {answer}").fetchall()
            columns = [name for name, *_ in con.description]
            assert spark.table(answer).columns == columns
            assert len(wanted) >= len(crowd)
            found = [tuple(row) for row in spark.table(answer).collect()]
            assert sorted(found, key=repr) == sorted(wanted, key=repr)


def test_spark_gives_the_rows_that_duckdb_gives_of_a_shipped_model(spark: Any, tmp_path: Path) -> None:
    model = load_model(Path(str(resources.files("config") / "presets" / "b2b-saas.yaml")), BUILT_IN)
    assert_same(spark, tmp_path, model, rich.crowd(40, 7), BUILT_IN)


def test_spark_gives_the_rows_that_duckdb_gives_of_every_section(spark: Any, tmp_path: Path) -> None:
    """Drops and stages, whose days are asked for again and again, are those of the shipped model."""
    data = {name: part for name, part in rich.MODEL.items() if name != "lifecycle"}
    data["engagement"] = data["engagement"] | {"levels": {"1": 0}}
    yellow = {"name": "Yellow", "when": {"city": {"matches": r"^ŻÓŁ\w+"}}, "points": 5, "otherwise": -2}
    data["fit"] = data["fit"] | {"criteria": [yellow, *data["fit"]["criteria"]]}
    crowd = rich.crowd(40, 3)
    for person in crowd[::3]:
        person.attributes["city"] = "Żółtko"
    assert_same(spark, tmp_path, checked_model(Document(data, Path("rich.yaml"), {}), ATTRIBUTES), crowd, ATTRIBUTES)


def test_a_session_that_would_read_times_otherwise_is_refused(spark: Any, tmp_path: Path) -> None:
    other = spark.newSession()
    other.conf.set("spark.sql.session.timeZone", "Europe/Warsaw")
    with pytest.raises(ValueError, match=r"spark\.sql\.session\.timeZone"):
        OnSpark(other, str(tmp_path))
