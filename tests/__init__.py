"""Tests in folders that mirror the code; `support` is shared by them, `bench` and `chaos` are also run by hand."""
