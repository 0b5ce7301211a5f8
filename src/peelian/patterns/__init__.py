"""Patterns in reported incidents: when, where, what repeats, what is new, what belongs together.

Pure functions over incidents and counts. Each gives a result with a ``frame``, a ``to_dict()``, a ``plot()`` and a
table for notebooks, says how sure it is, and is about incidents and places, never about persons.
"""
