"""A HubSpot portal in memory and the server that speaks its API.

`portal` holds the facts and is what a population or a test talks to; `app` is the routing table; the other files
answer one area of the API each. Marks in comments (A official, B recorded, C another connector's word, D unproven) say
how sure a behaviour is.
"""
