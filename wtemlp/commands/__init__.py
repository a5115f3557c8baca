"""What each command does, from files to the last line on the screen; each in a module of its own.

A command imports what it needs and no more, so that a small one starts at once.
"""
