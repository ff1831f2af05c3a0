"""Values as words: numbers, digits, dates, times and durations as people say them in French and English."""
