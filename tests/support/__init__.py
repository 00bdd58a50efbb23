"""What tests and benches share: fake servers, made-up runs, hostile inputs, runners as other users."""
