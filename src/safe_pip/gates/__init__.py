"""Gates: where artifacts arrive and wait for a decision.

The parent's side of the pip gate: ``pip_gate`` runs pip in a ``target``, chosen among the
``interpreter``s; a ``session`` has one ``connection`` for each pip, whose messages (``protocol``)
the ``checkpoint`` turns into rulings of a ``reviewer``.

The child's side is ``pip_runner`` and the other ``pip_*`` modules, which are copied into the
session's folder and run by the target's interpreter: ``pip_child`` is the life of one pip,
``pip_hooks`` where in pip the ``pip_guard`` stands, ``pip_tripwire`` what notices a way around,
``pip_bytecode`` what keeps builds from modules that were compiled before.
"""
