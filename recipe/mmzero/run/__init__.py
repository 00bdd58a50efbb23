"""The evolution loop: plan, journal, one supervised process per step, and where a run stands."""
