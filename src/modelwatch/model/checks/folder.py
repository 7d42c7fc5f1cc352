"""All the documents of a folder, as the checks see them."""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.model.tree import Document


@dataclass(frozen=True, slots=True)
class Folder:
    documents: tuple[Document, ...]

    @property
    def models(self) -> tuple[Document, ...]:
        return tuple(document for document in self.documents if document.kind == "Model")

    @property
    def stack(self) -> Document | None:
        return next((document for document in self.documents if document.kind == "Stack"), None)
