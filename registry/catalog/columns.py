"""What the tables are made of: kinds of columns that many of them have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
)

from registry.catalog.codes import Word
from registry.catalog.types import BigId

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMING)


def word(name: str, words: Word, *, nullable: bool = False) -> tuple[Any, ...]:
    """A word out of a closed set (`codes.py`), and the check that keeps it so."""
    return Column(name, words, nullable=nullable), CheckConstraint(words.check(name), name=name)


def owner(name: str, target: str) -> Column[int]:
    """A key to the row this one belongs to and goes away with."""
    return Column(name, BigId, ForeignKey(f"{target}.id", ondelete="CASCADE"), nullable=False)


def of_look() -> tuple[Any, ...]:
    """A key to the look this row belongs to and goes away with, and moves with to another model."""
    key = ["model_id", "number"]
    return (
        Column("model_id", BigId, nullable=False),
        Column("number", Integer, nullable=False),
        ForeignKeyConstraint(
            key, [f"snapshots.{name}" for name in key], ondelete="CASCADE", onupdate="CASCADE"
        ),
    )


def flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)
