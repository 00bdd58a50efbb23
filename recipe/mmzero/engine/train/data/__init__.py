"""What a stage is trained on: rows and their order, labels that controls deal out, earlier iterations' proposals."""
