"""Downloads: archives of corpora, stores pulled and pushed, their cache."""
