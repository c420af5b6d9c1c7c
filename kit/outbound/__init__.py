"""HTTP requests to addresses that strangers name: only to public ones, bounded in time and size.

`client` makes the requests, `targets` reads URLs, `addresses` knows which addresses are public, `names` asks for them.
"""
