"""What data is made of, in numbers and as a picture."""
