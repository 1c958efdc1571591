"""Jacobians and Hessians: what is computed (`cases`), by whom (`*_side`), in which processes (`children`)."""
