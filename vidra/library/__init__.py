"""What a library is and how it stays true: planning of syncs, deletion guard, rows, watch state. All pure."""
