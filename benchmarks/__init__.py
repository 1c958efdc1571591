"""Benchmarks of irgraph and its peers: ``python -m benchmarks`` runs all, ``--help`` lists the groups."""
