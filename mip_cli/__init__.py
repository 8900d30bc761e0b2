"""MIP, the Meitu Intelligent Passport: an identity passport its holder really holds."""

__version__ = "0.1.0"
