"""The reference: pages made from the code whenever the site is built, so that they cannot differ from it."""
