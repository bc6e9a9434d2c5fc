"""The controller of a search that learns: tells the sampler what has finished, asks it for the next pack. Torch-free.

It is no process of its own: a slot that finds nothing to claim takes the turn. So there are as many packs in flight as
slots, none waits for another, and nothing has to be kept alive. All that it knows is in the store: the plan, the scores
and the history. Setting i of a variant is a pure function of what the history held when it was asked for:

* settings before i that had been told, with their values; all others before i are pending, and known to the sampler;
* the sampler's own random numbers, which depend on (search.sampler_seed, variant, i) alone.

An ask is written to the history before the plan, so one who is killed in between is followed by one who computes the
same setting. With one slot the history is the order of the settings: an interrupted search is, value for value, the
undisturbed one. With several, which trial ends first decides what an ask knows, as in any asynchronous search; the
history says what it was, and every ask can be computed again from it.
"""

from ganbench.controller.proposals import proposal, rules
from ganbench.controller.tells import told_metric, values_told
from ganbench.controller.turns import ask_more

__all__ = ["ask_more", "proposal", "rules", "told_metric", "values_told"]
