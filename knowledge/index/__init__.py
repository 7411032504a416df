"""Finding passages: the keyword index in memory, vectors in Chroma, and the repair of a question's words."""
