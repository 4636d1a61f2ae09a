"""What a hand is: geometry, creases, marks, and one act of photographing it."""
