"""A stand-in for the vendor's images, which are not public: it takes the charts' settings, and uses the stores.

It is for tests of the charts and is no product.
"""
