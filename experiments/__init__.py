"""What is asked: studies, profiles and the data they are asked of."""
