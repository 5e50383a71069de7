"""The kill matrix: the audit held against every seeded violation, which it must find, and every harmless variant, which must raise nothing."""
