"""Ops that hold graphs: loops that stay loops, however long they are."""
