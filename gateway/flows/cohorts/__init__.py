"""What is done to cohorts: accepting, applying, reading, erasing."""
