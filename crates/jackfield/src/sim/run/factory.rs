//! The factory of the simulated server: the user's clients, watched.

use crate::client::{ClientFactory, IntoClient};
use crate::config::Refuse;
use crate::shared::Peer as RemotePeer;
use crate::sim::book::{Book, address, peer_of, proxy_of};
use crate::sim::watched::Watched;
use jackfield_reactor::Addr;
use std::cell::RefCell;
use std::rc::Rc;

/// The factory, shared by the reactors, which all run on one thread here.
pub(super) struct Maker<F> {
    pub(super) make: Rc<RefCell<F>>,
    pub(super) book: Book,
    pub(super) is_proxied: bool,
}

impl<F, M> ClientFactory for Maker<F>
where
    F: FnMut(&RemotePeer) -> M,
    M: IntoClient,
{
    type Client = Watched<M::Client>;

    fn create(&mut self, remote: &RemotePeer) -> Result<Self::Client, Refuse> {
        if let Some(tag) = remote.tag() {
            return self.create_for_call(remote, tag as usize);
        }
        let peer = peer_of(remote.addr());
        let expected = if self.is_proxied { Some(Addr::from(proxy_of(peer))) } else { None };
        if *remote.addr() != Addr::from(address(peer)) || remote.proxy() != expected.as_ref() {
            let text = format!("peer {peer} is taken for {} by way of {:?}", remote.addr(), remote.proxy());
            self.book.note_wrong("promises", text);
        }
        self.book.check_tls_host(peer, remote);
        self.book.note(format_args!("peer {peer} reaches reactor {}", remote.reactor));
        let client = (self.make.borrow_mut())(remote).into_client()?;
        Ok(Watched::new(client, self.book.clone(), peer))
    }
}

impl<F, M> Maker<F>
where
    F: FnMut(&RemotePeer) -> M,
    M: IntoClient,
{
    fn create_for_call(&mut self, remote: &RemotePeer, number: usize) -> Result<Watched<M::Client>, Refuse> {
        if !self.book.note_client_of_call(number) {
            return Err(Refuse::Silent);
        }
        let made = (self.make.borrow_mut())(remote).into_client();
        let client = made.inspect_err(|_| self.book.note_declined_call(number))?;
        Ok(Watched::new(client, self.book.clone(), number))
    }
}
