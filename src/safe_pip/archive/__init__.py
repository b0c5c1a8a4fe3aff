"""Opens artifacts in memory: wheels, sdists and directories."""
