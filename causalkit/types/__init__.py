"""What flows between components: frozen dataclasses over numpy and pandas, external ids everywhere."""

from causalkit.types.answers import Answers, Question, Usage
from causalkit.types.dataset import Dataset, PairTruth, Propensities, Split, Truth
from causalkit.types.derived import adjustment_columns
from causalkit.types.effects import (
    EXCLUDED,
    ITEM_COLUMNS,
    LADDER_COLUMNS,
    STATUSES,
    EffectFactors,
    Effects,
    Pooled,
    SegmentMap,
    Status,
)
from causalkit.types.embeddings import Embeddings, EmbeddingTable
from causalkit.types.estimand import Estimand, Target
from causalkit.types.explanation import Explanation, Receipt
from causalkit.types.graph import CausalGraph, Edge, Evidence, Mark, Opinion, Relation, Separation
from causalkit.types.histories import Histories
from causalkit.types.inputs import History, Multimodal
from causalkit.types.parquet_table import ParquetTable
from causalkit.types.prior import StructurePrior
from causalkit.types.ranking import RANKING_COLUMNS, Ranking
from causalkit.types.result import NO_TEXT, Facts, Measurement, Outputs, RunResult, StepRecord
from causalkit.types.schema import COLUMN_KINDS, ROLES, Column, ColumnKind, Derivation, Role, Schema, Words
from causalkit.types.scores import Scores
from causalkit.types.separations import Separations
from causalkit.types.table import Table
from causalkit.types.variables import Knowledge, Variables
from causalkit.types.verdicts import Verdicts

__all__ = [
    "COLUMN_KINDS",
    "EXCLUDED",
    "ITEM_COLUMNS",
    "LADDER_COLUMNS",
    "NO_TEXT",
    "RANKING_COLUMNS",
    "ROLES",
    "STATUSES",
    "Answers",
    "CausalGraph",
    "Column",
    "ColumnKind",
    "Dataset",
    "Derivation",
    "Edge",
    "EffectFactors",
    "Effects",
    "EmbeddingTable",
    "Embeddings",
    "Estimand",
    "Evidence",
    "Explanation",
    "Facts",
    "Histories",
    "History",
    "Knowledge",
    "Mark",
    "Measurement",
    "Multimodal",
    "Opinion",
    "Outputs",
    "PairTruth",
    "ParquetTable",
    "Pooled",
    "Propensities",
    "Question",
    "Ranking",
    "Receipt",
    "Relation",
    "Role",
    "RunResult",
    "Schema",
    "Scores",
    "SegmentMap",
    "Separation",
    "Separations",
    "Split",
    "Status",
    "StepRecord",
    "StructurePrior",
    "Table",
    "Target",
    "Truth",
    "Usage",
    "Variables",
    "Verdicts",
    "Words",
    "adjustment_columns",
]
