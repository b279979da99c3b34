//! Small, independent values for use inside of `on_request`.
//!
//! Only the root of the crate imports this room, and it knows no dispatch.

mod auth;
mod cors;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "json")]
mod json;
mod relay;
#[cfg(feature = "router")]
mod router;

pub use auth::{Basic, BasicAuth, BearerAuth, bearer, is_same_secret};
pub use cors::Cors;
#[cfg(feature = "files")]
pub use files::Files;
pub use relay::Relay;
#[cfg(feature = "router")]
pub use router::{Found, Params, Router, RouterError, Routes};
