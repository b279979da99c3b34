//! Clients of any type, as one type.

use crate::client::connection::{Connection, TimerId};
use crate::client::events::EventStream;
use crate::client::exchange::Exchange;
use crate::client::raw::Raw;
use crate::client::upgrade::Upgrade;
use crate::client::websocket::WebSocket;
use crate::client::{BodyPlan, Client, Control, FrameAction, HeartbeatAction};
use crate::config::Refuse;
use crate::disconnect::{Disconnect, Reason};
use crate::shared::Peer;
use jackfield_proto::http1::Request;
use jackfield_proto::websocket::{FrameHead, Message};
use std::any::Any;
use std::ops::{Deref, DerefMut};

/// Makes clients of any types.
pub(crate) type MakeAny = Box<dyn FnMut(&Peer) -> Result<AnyClient, Refuse>>;

/// Any client. It can be replaced if the one in it can be.
pub(crate) struct AnyClient(Box<dyn Client>);

impl AnyClient {
    pub(crate) fn new(client: impl Client) -> Self {
        Self(Box::new(client))
    }
}

impl Deref for AnyClient {
    type Target = dyn Client;

    fn deref(&self) -> &dyn Client {
        &*self.0
    }
}

impl DerefMut for AnyClient {
    fn deref_mut(&mut self) -> &mut dyn Client {
        &mut *self.0
    }
}

call_the_inner! {
    AnyClient,
    fn become_client(&mut self, client: Box<dyn Client>) -> Result<(), Box<dyn Client>> {
        (**self).become_client(client)
    }
}
