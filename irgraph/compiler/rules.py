"""What is rewritten: stability first, then algebra."""

from __future__ import annotations

from ..ops.arithmetic import negative
from ..ops.elementary import exp, log, sigmoid
from ..ops.exponentials import log_sigmoid
from ..ops.softmax import log_softmax, softmax
from ..rewrite import Rule, RuleSet

STABILITY = (
    Rule("log softmax", lambda x: log(softmax(x)), log_softmax),
    Rule("exp log_softmax", lambda x: exp(log_softmax(x)), softmax),
    Rule(
        "log sigmoid",
        lambda x: log(sigmoid(x)),
        log_sigmoid,  # never the logarithm of an underflow
    ),
    Rule("1 - sigmoid", lambda x: 1 - sigmoid(x), lambda x: sigmoid(-x), only_use=True),
)

ALGEBRA = (
    Rule("--x", lambda x: negative(-x), lambda x: x),
    Rule("x + -y", lambda x, y: x + -y, lambda x, y: x - y),
    Rule("x - -y", lambda x, y: x - -y, lambda x, y: x + y),
    Rule("x * (1/y)", lambda x, y: x * (1 / y), lambda x, y: x / y, only_use=True),
)

STABLE = RuleSet(STABILITY)
RULES = RuleSet(STABILITY + ALGEBRA)
