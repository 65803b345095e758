"""The readers of corpora, each in one file that registers a class.

Every module of this package is imported by `asc.corpus.reader.READERS`: adding a
reader means adding a file (and its example to the contract test).
"""
