"""What several workflows use: structures checked at the door, folders of results, evaluations that survive a kill."""
