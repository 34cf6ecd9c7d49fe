//! A tower layer that sends each LLM call to the cheapest route that will do, and counts what that saved.
