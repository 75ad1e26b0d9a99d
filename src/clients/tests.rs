//! The models against what the real clients did.
