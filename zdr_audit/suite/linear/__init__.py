"""Histories of concurrent actions: is there one order, true to the times at which each was begun and answered, that explains all that was seen?"""
