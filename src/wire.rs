//! `.wire` transcripts: text that says what happened on one connection. The fourth door, for fixtures and rule samples.
