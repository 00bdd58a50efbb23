"""What the Solver answers from the captions of a collection's rows, for the Coder's reward (docs/method.md §10).

Asked once here and stored with the rows, so that no roll-out of the Coder asks again. Answers go to shards of their own
and are bound to the texts that were asked, so this pass resumes as the others do.
"""

import hashlib
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict

from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring.verified import TextView
from recipe.mmzero.engine.collect.flow.engine import fill
from recipe.mmzero.engine.collect.flow.ledger import Ledger
from recipe.mmzero.engine.collect.flow.shards import Record, ShardStore, claim
from recipe.mmzero.engine.collect.roles import Roles
from recipe.mmzero.settings.folder import StepFolder


async def text_views(rows: Iterable[int], budget: int, store: ShardStore, roles: Roles) -> dict[int, TextView]:
    """Row -> what is answered from its caption; {} unless `verify.caption`. A row that an infrastructure failure took
    is missing: whoever needs it asks again.

    Args:
        rows: indices below `budget` of rows in `store` that have a proposal.
    """
    settings, wished = roles.settings, sorted(set(rows))
    verify = settings.rewards.verify
    if not verify.caption or not wished:
        return {}
    found: dict[int, TextView] = {}

    async def work(index: int) -> Record:
        proposal = store.read(index)["proposal"]
        view = await roles.judge(index, settings.votes, settings.judge).text_view(Proposal(**proposal))
        votes = {"easy_votes": list(view.easy_votes), "hard_votes": list(view.hard_votes)}
        return {"index": index, "asked": asked(proposal)} | votes

    def verdict(record: Record) -> str:
        found[record["index"]] = TextView(tuple(record["easy_votes"]), tuple(record["hard_votes"]))
        return "asked"

    def current(record: Record) -> bool:
        return record["index"] in wanted and record["asked"] == asked(store.read(record["index"])["proposal"])

    wanted, ledger, folder = set(wished), Ledger(budget, None), StepFolder(roles.out_dir).text_views
    claim(folder, {"votes": verify.votes, "max_tokens": verify.max_tokens, "judge": asdict(settings.judge)})
    with closing(ShardStore(folder, "rows", settings.rows_per_shard)) as answers:
        for record in answers.load(current):
            ledger.decide(record["index"], verdict(record))
        roles.progress.start(f"{roles.stage} captions", len(wished), None, resumed=ledger.decided_count)
        missing = (index for index in wished if not ledger.decided(index))
        await fill(ledger, missing, answers, work, verdict, roles.progress, settings.in_flight, settings.max_fraction)
    return found


def asked(proposal: dict[str, str]) -> str:
    """Name of what was asked: a row that was proposed again since is asked about again."""
    texts = "\x1f".join(proposal[name] for name in ("caption", "easy_question", "hard_question"))
    return hashlib.sha256(texts.encode("utf-8", "replace")).hexdigest()[:32]
