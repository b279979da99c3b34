//! What a callback is given: the connection, typed by what it speaks.

mod connection;
mod events;
mod exchange;
mod raw;
mod response;
mod stream;
mod upgrade;
mod websocket;

pub use connection::{Connection, TimerId};
pub use events::EventStream;
pub use exchange::Exchange;
pub use raw::Raw;
pub use response::{Answerable, ResponseBuilder};
pub use stream::ResponseStream;
pub use upgrade::Upgrade;
pub use websocket::WebSocket;

/// Each context is the plain connection with a protocol's own verbs on top.
macro_rules! context {
    ($name:ident) => {
        impl<'a> std::ops::Deref for $name<'a> {
            type Target = crate::Connection<'a>;

            #[inline(always)]
            fn deref(&self) -> &crate::Connection<'a> {
                &self.connection
            }
        }

        impl<'a> std::ops::DerefMut for $name<'a> {
            #[inline(always)]
            fn deref_mut(&mut self) -> &mut crate::Connection<'a> {
                &mut self.connection
            }
        }

        impl std::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.connection.id)
            }
        }
    };
}
pub(crate) use context;
