"""What a column and a table of the lake are, and the columns that several tables have."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

__all__ = [
    "BOOL",
    "CODES",
    "CORPUS",
    "DOUBLE",
    "FACT",
    "FLOAT",
    "INT32",
    "INT64",
    "LANGUAGE",
    "LAYER",
    "MODEL",
    "TEXT",
    "TOKENS",
    "WORDING",
    "Column",
    "LakeTable",
    "importable",
]

TEXT = pa.string()
INT32 = pa.int32()
INT64 = pa.int64()
FLOAT = pa.float32()
DOUBLE = pa.float64()
BOOL = pa.bool_()
TOKENS = pa.list_(pa.int32())

CODES = {
    "prompt_code": ("whole", "cut", "no_subject", "unasked"),
    "text_unit": ("chunk", "sentence", "article"),
    "method_code": (
        "probeless", "probeless-normalised", "probeless-layer", "probeless-layer-normalised",
    ),
    "mode_code": ("zero", "zero_norm_held", "amig", "amig_mean", "amig_code"),
}  # fmt: skip
"""Column → the values that it can have, for columns that files of others can have too."""


@dataclass(frozen=True)
class Column:
    """One column of a lake table."""

    name: str
    """Column name; it means the same in every table of lake and warehouse."""
    type: pa.DataType
    """Arrow type on disk."""
    description: str
    """Meaning of a value, with its unit; shown to analysts."""
    is_nullable: bool = False
    """Whether a null is allowed; the description then says what it means."""


@dataclass(frozen=True)
class LakeTable:
    """One table of the lake: a folder of sealed Parquet parts, one part per partition."""

    name: str
    """Name of the Dagster asset, the folder, and the dbt source."""
    description: str
    """The grain (what one row is) first, then the method."""
    key: tuple[str, ...]
    """Columns that identify a row."""
    columns: tuple[Column, ...]
    """All columns, in file order."""
    partition_by: tuple[str, ...] = ()
    """Columns that are constant within a part and give its path; empty if the table is one part."""

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of every part."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.is_nullable) for c in self.columns])


LANGUAGE = Column("language_code", TEXT, "Wikipedia code of the language, such as 'en' or 'ceb'.")
FACT = Column("fact_id", TEXT, "Identifier of the fact, the same in every language (mLAMA: uuid).")
MODEL = Column("model_id", TEXT, "Identifier of the model in the study file.")
CORPUS = Column("corpus_id", TEXT, "Identifier of the training corpus in the study file.")
LAYER = Column("layer_index", INT32, "Transformer layer, from 0.")
WORDING = Column(
    "template_id",
    TEXT,
    "Identifier of the wording within its relation and language: '1' is the template of prompts, "
    "which all other tables use; the others are numbered from 2 in the order of the file, or "
    "have the names that the file gives them.",
)


def importable(*columns: Column) -> tuple[Column, ...]:
    """Makes columns nullable that an imported file need not have: all but answer and neuron."""
    required = ("predicted_text", "neuron_rank", "layer_index", "neuron_index")
    note = "Null if an imported file does not say."
    return tuple(
        column
        if column.name in required or column.is_nullable
        else replace(column, description=f"{column.description} {note}", is_nullable=True)
        for column in columns
    )
