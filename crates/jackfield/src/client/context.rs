//! The macro of the typed contexts.

/// Makes a context type: a plain connection with the methods of one protocol.
macro_rules! context {
    ($name:ident) => {
        impl<'a> std::ops::Deref for $name<'a> {
            type Target = crate::client::connection::Connection<'a>;

            #[inline(always)]
            fn deref(&self) -> &crate::client::connection::Connection<'a> {
                &self.connection
            }
        }

        impl<'a> std::ops::DerefMut for $name<'a> {
            #[inline(always)]
            fn deref_mut(&mut self) -> &mut crate::client::connection::Connection<'a> {
                &mut self.connection
            }
        }

        /// The methods of the plain connection whose arguments often use the connection itself, as in `publish("room",
        /// format!("{} came", socket.id()))`: a call through `Deref` would borrow it first.
        impl $name<'_> {
            /// As [`Connection::publish`](crate::Connection::publish).
            #[inline]
            pub fn publish<'m>(
                &mut self,
                topic: &str,
                publication: impl Into<crate::message::Publication<'m>>,
            ) -> crate::message::Published {
                self.connection.publish(topic, publication)
            }

            /// As [`Connection::publish_to_all`](crate::Connection::publish_to_all).
            #[inline]
            pub fn publish_to_all<'m>(
                &mut self,
                topic: &str,
                publication: impl Into<crate::message::Publication<'m>>,
            ) -> crate::message::Published {
                self.connection.publish_to_all(topic, publication)
            }

            /// As [`Connection::send_to`](crate::Connection::send_to).
            #[inline]
            pub fn send_to<'m>(
                &mut self,
                id: jackfield_reactor::ConnectionId,
                publication: impl Into<crate::message::Publication<'m>>,
            ) -> crate::message::Sent {
                self.connection.send_to(id, publication)
            }

            /// As [`Connection::send_to_others`](crate::Connection::send_to_others).
            #[inline]
            pub fn send_to_others<'m>(
                &mut self,
                publication: impl Into<crate::message::Publication<'m>>,
            ) -> usize {
                self.connection.send_to_others(publication)
            }

            /// As [`Connection::subscribe`](crate::Connection::subscribe).
            #[inline]
            pub fn subscribe(&mut self, topic: &str) -> crate::topics::Subscribed {
                self.connection.subscribe(topic)
            }

            /// As [`Connection::close_with`](crate::Connection::close_with).
            #[inline]
            pub fn close_with(&mut self, code: u16, reason: &str) {
                self.connection.close_with(code, reason);
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
