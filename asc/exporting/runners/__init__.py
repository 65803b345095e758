"""Programs that are copied beside an exported model: they import nothing of asc."""
