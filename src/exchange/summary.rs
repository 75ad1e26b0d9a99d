//! What `list` says of an exchange: CONTRACT.md's object, field by field.
