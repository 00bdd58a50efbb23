"""Python snippets: run as programs, with the calls that show and save replaced; what is written in their pictures."""
