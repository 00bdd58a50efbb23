"""`mmzero eval`: did a checkpoint get better? Benchmarks through a served model, judged by rules, compared in pairs.

    suite.py       what is asked and how (YAML)           data/      items from parquet, jsonl or a Hugging Face folder
    asking/        serve, ask, store, resume              judging/   rules first, a judge for what rules cannot do
    statistics.py  intervals, pairing, power (pure)       results.py the numbers of a folder of answers
    handoff/       the same through lmms-eval or VLMEvalKit, their samples read back

    DIR/suite.json items.parquet pictures/ results.json RESULTS.md
    DIR/LABEL/shards/ answers.parquet server.log          one folder for each checkpoint

It stands under `run` because it starts and ends server processes as a run does; it imports nothing of the engine.
"""
