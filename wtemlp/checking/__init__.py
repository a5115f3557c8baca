"""What would make a run fail, found before anything is written or submitted."""
