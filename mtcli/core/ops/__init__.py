"""Pure tensor maths, and drawing, that more than one place uses."""
