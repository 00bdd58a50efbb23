"""What CSS writes down: numbers, lengths, angles, colours, font families, and the functions that compute them."""
