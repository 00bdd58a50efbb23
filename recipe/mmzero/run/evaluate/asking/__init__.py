"""From items to stored answers: prompts, a served checkpoint, requests that can be stopped at any point."""
