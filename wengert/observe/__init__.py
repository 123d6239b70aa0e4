"""Looking at programs while they run and after: profilers, and `explain`.

Nothing here is imported by the rest of the library, and nothing runs unless it is asked for.
"""
