"""Finding passages: keywords in memory, vectors in Chroma, and how a question is put into words that documents use."""
