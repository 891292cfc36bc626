"""Results made readable; nothing is computed here."""

__all__: list[str] = []
