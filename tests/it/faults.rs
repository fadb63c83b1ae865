//! The whole gateway while its parts fail: nothing hangs, nothing is lost or accepted twice, and
//! service comes back by itself.

mod directory;
pub mod load;
mod node;
mod proxy;
mod servers;
mod store;
pub mod tap;
