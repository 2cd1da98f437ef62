"""Reports: an `Assessment` goes in, text comes out, in English or Italian. Nothing is judged here."""
