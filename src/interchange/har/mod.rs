//! HTTP Archive 1.2 (HAR), the format that browsers' developer tools save and load.

mod read;
mod write;

pub use read::{Imported, exchanges};
pub use write::archive;
