//! The macro of the typed contexts.

/// Each context is the plain connection with a protocol's own verbs on top.
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

        impl std::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.connection.id)
            }
        }
    };
}
pub(crate) use context;
