"""What every case is made of: processes, rounds side by side, readers that count, a table."""
