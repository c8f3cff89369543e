"""`blackroad doctor`: what goes wrong when somebody sets this up, looked for before it does."""
