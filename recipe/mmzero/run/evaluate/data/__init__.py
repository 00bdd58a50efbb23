"""Items and their pictures, from where users have them."""
