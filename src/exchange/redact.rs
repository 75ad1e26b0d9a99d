//! Secrets in heads and targets, told from the rest.
