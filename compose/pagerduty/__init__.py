"""A local double of PagerDuty's Events API v2: documented limits, incidents with state, a page to look at."""
