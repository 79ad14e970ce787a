"""The page in other languages: one catalogue of gettext a language and part, with the English sentences as keys.

The library writes English only. A sentence of an answer is found again among the messages of its source, which are templates
with {0}, {1}, … for what was computed, and what was computed is put into the translation. Numbers and units never change. What is
in no catalogue stays English, and the page marks it as such.
"""
