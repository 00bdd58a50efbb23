"""The typed configuration: what every key is, its range or choice, and where its default stands."""
