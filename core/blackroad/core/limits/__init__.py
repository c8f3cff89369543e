"""How much each tenant and subject may ask for, and how much may wait in a process."""
