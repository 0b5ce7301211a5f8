"""What binds the system: its ledger, its policies, and the decisions that people take."""
