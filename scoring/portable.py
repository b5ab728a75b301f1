"""The engine on Spark: the same statements, rendered for a cluster.

`scoring.engine` speaks to a connection in DuckDB's dialect, through `execute`, `register` and `unregister`. `OnSpark`
is such a connection over a Spark session: sqlglot renders each statement, tables are written as Parquet, views stay
views. Sums are of whole micro-points, so scores and ledger are those of DuckDB to the last digit.

    spark = SparkSession.builder.config(map=OPTIONS).getOrCreate()
    for relation in RELATIONS:
        spark.read.parquet(f"facts/{relation}").createOrReplaceTempView(relation)
    score(OnSpark(spark, "work"), model, as_of, attributes=attributes)
    spark.table("ledger").write.parquet("ledger")

Needs the extra ``spark`` (pyspark, and Java beside it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlglot
from sqlglot import exp

from scoring.sql import DIALECT

if TYPE_CHECKING:
    import pyarrow as pa

SPARK: Final = "spark"
OPTIONS: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
}
"""How a session must be set: times are UTC without a zone, and what does not fit is an error, never a null."""

RELATIONS: Final = (
    "people",
    "activities",
    "signatures",
    "previous_stages",
    "stage_entries",
    "outages",
    "deals",
    "deal_roles",
    "account_people",
    "everyones_activities",
)
"""What the engine reads."""


class OnSpark:
    """A connection for `scoring.engine` over `spark`, a SparkSession set as OPTIONS say (else ValueError).

    Tables go to `folder`, a URL that all workers can write, and stay there: it is the caller's to empty. Takes the
    kinds of statement that the engine uses; another raises NotImplementedError.
    """

    def __init__(self, spark: Any, folder: str) -> None:
        self._spark = spark
        self._folder = folder
        self._kept = 0
        for key, value in OPTIONS.items():
            if str(spark.conf.get(key)).lower() != value.lower():
                raise ValueError(f"the Spark session has {key} = {spark.conf.get(key)}; start it with {value}")

    def execute(self, statement: str) -> OnSpark | _Rows:
        """Run a statement; the rows of a SELECT are fetched from the answer."""
        for tree in sqlglot.parse(statement, read=DIALECT):
            if isinstance(tree, exp.Query):
                return _Rows(self._spark.sql(rendered(tree)))
            self._change(tree)
        return self

    def register(self, name: str, rows: pa.Table) -> None:
        """Make the view `name` of Arrow rows."""
        self._spark.createDataFrame(rows).createOrReplaceTempView(name)

    def unregister(self, name: str) -> None:
        """Forget a view."""
        self._spark.catalog.dropTempView(name)

    def _change(self, tree: exp.Expr | None) -> None:
        if isinstance(tree, exp.Create) and tree.kind == "VIEW":
            self._spark.sql(f"CREATE OR REPLACE TEMPORARY VIEW {tree.this.sql(SPARK)} AS {rendered(tree.expression)}")
        elif isinstance(tree, exp.Create) and tree.expression is not None:
            self._keep(tree.this.name, self._spark.sql(rendered(tree.expression)))
        elif isinstance(tree, exp.Create):
            columns = ", ".join(
                f"CAST(NULL AS {each.kind.sql(SPARK)}) AS {each.name}" for each in tree.this.expressions
            )
            self._keep(tree.this.this.name, self._spark.sql(f"SELECT {columns} WHERE FALSE"))
        elif isinstance(tree, exp.Insert):
            table = self._spark.table(tree.this.name)
            more = self._spark.sql(rendered(tree.expression))
            self._keep(tree.this.name, table.union(more).to(table.schema))
        elif isinstance(tree, exp.Delete):
            gone = tree.args["where"].this.sql(SPARK)
            self._keep(tree.this.name, self._spark.table(tree.this.name).where(f"NOT COALESCE({gone}, FALSE)"))
        elif isinstance(tree, exp.Drop):
            self._spark.catalog.dropTempView(tree.args["tables"][0].name)
        else:
            raise NotImplementedError(f"no such statement on Spark: {tree}")

    def _keep(self, name: str, rows: Any) -> None:
        """A table, not a view: worked out once, and for those who read it no larger than it is."""
        self._kept += 1
        path = f"{self._folder}/{name}-{self._kept}"
        rows.write.parquet(path)
        self._spark.read.schema(rows.schema).parquet(path).createOrReplaceTempView(name)


class _Rows:
    """The answer of a SELECT."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows."""
        return [tuple(row) for row in self._rows.collect()]


def rendered(query: exp.Expr) -> str:
    """A query of the engine in Spark's dialect."""
    return query.transform(_spoken).sql(dialect=SPARK, unsupported_level=sqlglot.ErrorLevel.RAISE)


def _spoken(node: exp.Expr) -> exp.Expr:
    """What sqlglot does not render for Spark by itself."""
    if isinstance(node, exp.Max) and node.args.get("count") is not None:
        every = exp.Anonymous(this="SORT_ARRAY", expressions=[exp.ArrayAgg(this=node.this), exp.false()])
        return exp.Anonymous(this="SLICE", expressions=[every, exp.Literal.number(1), node.args["count"]])
    if isinstance(node, exp.Bracket):  # beyond the end of a list there is null, not an error
        return exp.Anonymous(this="GET", expressions=[node.this, *node.expressions])
    if isinstance(node, exp.RegexpLike):  # where Java ignores case it means that of ASCII, unless told otherwise
        pattern = node.expression.name.replace("(?i", "(?iu", 1)
        return exp.RegexpLike(this=node.this, expression=exp.Literal.string(pattern))
    return node
