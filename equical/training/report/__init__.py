"""What a run says: errors with their units, tables, event files and plots."""
