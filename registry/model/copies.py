"""What the catalog answers about duplication: contents in several places, and what may be one without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registry.model.snapshot import ModelFile


@dataclass(frozen=True, slots=True)
class FileCopy:
    """One place where a content is kept. current: in the file list shown of the model; otherwise in that
    of an earlier commit. size: as its source told it, `None` where it did not."""

    repo_id: str
    path: str
    commit_sha: str | None
    current: bool
    size: int | None


@dataclass(frozen=True, slots=True)
class SharedContent:
    """A content (by sha256) kept in several places, the one counted as the original first.

    size: `None` where no source told it. copied_bytes: of the copies in current lists beyond one;
    repeated_bytes: of those that only lists of earlier commits have. Copies of unknown size count in neither.
    """

    sha256: str
    size: int | None
    copied_bytes: int
    repeated_bytes: int
    copies: tuple[FileCopy, ...]


@dataclass(frozen=True, slots=True)
class ListedBytes:
    """What file lists add up to. lists: how many; partial: those known to leave out files; unsized_files:
    files whose size no source told, which `logical_bytes` leaves out."""

    lists: int = 0
    files: int = 0
    logical_bytes: int = 0
    unsized_files: int = 0
    partial: int = 0

    @property
    def sized(self) -> bool:
        """Whether there is a list at all, and of some file in it a size; an empty list weighs 0."""
        return self.lists > 0 and (self.files > self.unsized_files or self.files == 0)


@dataclass(frozen=True, slots=True)
class Duplication:
    """What is kept twice among the files of models, by sha256.

    models: how many were looked at; unlisted: those without a file list. current: the lists shown of
    models; earlier: those of other commits. contents: how many distinct ones are kept more than once;
    unsized_contents: those of them without a known size. copied_bytes: in current lists, beyond one copy of
    each content; repeated_bytes: in earlier lists. largest: the sha256 of shared contents, most bytes first.
    copied_by_model: the bytes in current lists that another place has first, by `repo_id`.
    """

    models: int
    unlisted: int
    current: ListedBytes
    earlier: ListedBytes
    contents: int
    unsized_contents: int
    copied_bytes: int
    repeated_bytes: int
    largest: tuple[str, ...]
    copied_by_model: Mapping[str, int]

    @property
    def logical_bytes(self) -> int:
        """Every copy counted, in lists of all commits."""
        return self.current.logical_bytes + self.earlier.logical_bytes

    @property
    def unique_bytes(self) -> int:
        """Each content counted once."""
        return self.logical_bytes - self.copied_bytes - self.repeated_bytes

    @property
    def ratio(self) -> float | None:
        """Logical over unique bytes; `None` for nothing at all."""
        return self.logical_bytes / self.unique_bytes if self.unique_bytes else None

    @property
    def sized(self) -> bool:
        """Whether any size is known."""
        return self.current.sized or self.earlier.sized

    @property
    def complete(self) -> bool:
        """Whether the sums leave out nothing that is known to be there."""
        parts = (self.current, self.earlier)
        return not (self.unlisted or any(one.unsized_files or one.partial for one in parts))


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The weight files of a model that may say the same twice. complete: the list leaves out no file."""

    repo_id: str
    commit_sha: str | None
    complete: bool
    by_dtype: Mapping[str, int]
    files: tuple[ModelFile, ...]


@dataclass(frozen=True, slots=True)
class Descent:
    """What was made directly from one base, by how many bytes one copy of its weights takes.

    Bytes are read from files, else worked out from the numbers stored; `None` where neither is known.
    finetunes, adapters: one entry for each derivative, sorted, unknown ones last.
    """

    base: str
    base_bytes: int | None
    finetunes: tuple[int | None, ...]
    adapters: tuple[int | None, ...]
