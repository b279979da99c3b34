//! The guide: ten short chapters, to be read in this order or as you need them.
//!
//! 1. [First server](first_server)
//! 2. [The callbacks and their order](callbacks)
//! 3. [Sending and backpressure](sending)
//! 4. [Topics and resume](topics)
//! 5. [HTTP](http)
//! 6. [Protocols of your own](own_protocols)
//! 7. [TLS](tls)
//! 8. [Limits and attacks](limits_and_attacks)
//! 9. [Testing and simulation](testing)
//! 10. [Several machines and deployment](deployment)
//!
//! This module exists in the documentation only.

#[doc = include_str!("../guide/callbacks.md")]
pub mod callbacks {}
#[doc = include_str!("../guide/deployment.md")]
pub mod deployment {}
#[doc = include_str!("../guide/first_server.md")]
pub mod first_server {}
#[doc = include_str!("../guide/http.md")]
pub mod http {}
#[doc = include_str!("../guide/limits_and_attacks.md")]
pub mod limits_and_attacks {}
#[doc = include_str!("../guide/own_protocols.md")]
pub mod own_protocols {}
#[doc = include_str!("../guide/sending.md")]
pub mod sending {}
#[doc = include_str!("../guide/testing.md")]
pub mod testing {}
#[doc = include_str!("../guide/tls.md")]
pub mod tls {}
#[doc = include_str!("../guide/topics.md")]
pub mod topics {}
