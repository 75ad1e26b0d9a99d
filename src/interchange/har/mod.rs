//! HTTP Archive 1.2 (HAR), as browsers' developer tools save and load it.

mod read;
mod write;

pub use read::{Imported, exchanges};
pub use write::archive;
