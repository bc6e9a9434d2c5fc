"""How trials are packed where a sweep leaves it open: `mode: auto` and `pack: null`. Torch-free.

Decided when trials are planned, from what is in the plan and a committed law of costs alone, hence the same on every
machine; frozen in the pack records.

* Usual is eager vmap in packs of eight.
* Another size is taken where it is predicted to save a tenth: up to eight lanes, or up to 32 while eight packs remain;
  of sizes that differ by 2 % the largest.
* Compiled is taken where it ends in four fifths of the time, compilation included, and what it saves in training pays
  for compilation twice. A graph that the plan holds already costs nothing more.
* Packs of one that are not compiled run unbatched where that is predicted to be faster than vmap.
* A procedure that cannot be batched runs unbatched; one whose cost was not measured stays with the usual.

predicted seconds = graphs · compile + start + Σ over packs (steps · passes · (overhead + lanes · work · each))
"""

from ganbench.choices.account import account
from ganbench.choices.batched import batched
from ganbench.choices.choice import AUTO, Choice, choose, continued
from ganbench.choices.law import PATH, Work, work_of

__all__ = ["AUTO", "PATH", "Choice", "Work", "account", "batched", "choose", "continued", "work_of"]
