"""Terminal: what a person at the keyboard sees, and the one question.

All of it goes to stderr, or for a question to the terminal itself: stdout is pip's. Text that
comes from an artifact is escaped and never read as markup.
"""
