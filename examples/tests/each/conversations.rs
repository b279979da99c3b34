//! The examples in which WebSockets talk with each other or with the server: `chat` and `quiz`.

use crate::common::{Steady, connect, expect_close, websocket};
use crate::http::Http;
use crate::process::Example;
use crate::sockets::hear;
use std::net::SocketAddr;
use tungstenite::{Message, WebSocket};

/// Enters the chat and says which id one has got.
fn enter(addr: SocketAddr) -> (WebSocket<Steady>, String) {
    let mut socket = websocket(addr);
    let id = hear(&mut socket).strip_prefix("you ").unwrap().to_owned();
    (socket, id)
}

/// On a busy machine a reactor may look held up, and then all may come to the other one: not each time.
#[test]
fn chat_holds_with_two_reactors() {
    let holds_on_both = |_| {
        let (_example, addr) = Example::start("chat", &["--reactors", "2"]);
        chat(addr)
    };
    assert!((0..5).any(holds_on_both), "connections are not spread over the reactors");
}

/// Three talk with each other. Returns whether two of them were on different reactors.
fn chat(addr: SocketAddr) -> bool {
    let page = Http::connect(addr).get("/");
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.text().starts_with("<!doctype html>"));

    let (mut ann, ann_id) = enter(addr);
    let (mut ben, ben_id) = enter(addr);
    assert_eq!(hear(&mut ann), format!("came {ben_id}"));
    let (mut cat, cat_id) = enter(addr);
    for other in [&mut ann, &mut ben] {
        assert_eq!(hear(other), format!("came {cat_id}"));
        other.send(Message::text("/who")).unwrap();
        assert_eq!(hear(other), "here 3");
    }
    let reactors = [&ann_id, &ben_id, &cat_id].map(|id| id.parse::<u64>().unwrap() >> 45);

    // A name is one word.
    ann.send(Message::text("/name Ann: <b>")).unwrap();
    ann.send(Message::text("hello all")).unwrap();
    for socket in [&mut ann, &mut ben, &mut cat] {
        assert_eq!(hear(socket), format!("said {ann_id} Annb: hello all"));
    }
    // What comes after the private message shows who did not get it.
    for (id, other_id) in [(&ben_id, &cat_id), (&cat_id, &ben_id)] {
        ann.send(Message::text(format!("/to {id} for your ears only"))).unwrap();
        let (to, other) = if id == &ben_id { (&mut ben, &mut cat) } else { (&mut cat, &mut ben) };
        assert_eq!(hear(to), format!("whispered {ann_id} Annb: for your ears only"));
        other.send(Message::text("/who")).unwrap();
        assert_eq!(hear(other), "here 3", "{other_id} got nothing");
    }
    ann.send(Message::text("/to nobody psst")).unwrap();
    assert_eq!(hear(&mut ann), "gone nobody");

    cat.close(None).unwrap();
    assert_eq!(cat.read().unwrap(), Message::Close(None));
    drop(cat);
    for other in [&mut ann, &mut ben] {
        assert_eq!(hear(other), format!("left {cat_id}"));
        other.send(Message::text("/who")).unwrap();
        assert_eq!(hear(other), "here 2");
    }
    ben.send(Message::binary(vec![1])).unwrap();
    assert_eq!(expect_close(ben), (1003, "text only".into()));
    assert_eq!(hear(&mut ann), format!("left {ben_id}"));
    reactors.contains(&0) && reactors.contains(&1)
}

/// A page that was opened twice, or that comes back before its old connection is found dead, is one visitor.
#[test]
fn i438_a_visitor_of_the_showcase_with_two_connections_comes_once() {
    let (_example, addr) = Example::start("showcase", &[]);
    let enter = |name: &str| {
        let url = format!("ws://{addr}/chat");
        let mut socket = tungstenite::client(url, connect(addr)).unwrap().0;
        socket.send(Message::text(format!("name {name}"))).unwrap();
        assert_eq!(hear(&mut socket), format!("you\t{name}"));
        socket
    };
    // What others do, up to a line.
    let heard = |socket: &mut WebSocket<Steady>, end: &str| {
        let lines = std::iter::from_fn(|| Some(hear(socket))).take_while(|line| !line.ends_with(end));
        let is_news =
            |line: &String| !["here", "load", "network"].contains(&line.split('\t').next().unwrap());
        lines.filter(is_news).collect::<Vec<_>>()
    };
    let mut ben = enter("Ben");
    let mut ann = enter("Ann");
    ann.send(Message::text("say first")).unwrap();
    assert_eq!(heard(&mut ben, "first"), ["came\tAnn"]);
    let mut again = enter("Ann");
    again.send(Message::text("name Ann")).unwrap();
    again.send(Message::text("say second")).unwrap();
    assert_eq!(heard(&mut ben, "second"), [""; 0]);
    again.send(Message::text("name Bea")).unwrap();
    again.send(Message::text("say third")).unwrap();
    assert_eq!(heard(&mut ben, "third"), ["named\tAnn\tBea"]);
}

/// Each question is answered, or else the connection is closed.
#[test]
fn quiz_asks_and_waits() {
    let (_example, addr) = Example::start("quiz", &["--within", "0.2"]);
    let mut socket = websocket(addr);
    assert_eq!(socket.read().unwrap(), Message::text("1 what is your name?"));
    assert_eq!(expect_close(socket), (4000, "no answer to 1".to_owned()));
    let (_example, addr) = Example::start("quiz", &["--within", "60"]);
    let mut socket = websocket(addr);
    for (number, answer) in ["Ann", "a grail", "blue"].iter().enumerate() {
        let asked = socket.read().unwrap().into_text().unwrap();
        assert!(asked.starts_with(&format!("{} what is your", number + 1)), "{asked}");
        socket.send(Message::text(format!("{} {answer}", number + 1))).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text(format!("{answer} it is")));
    }
    assert_eq!(expect_close(socket).0, 1000);
}
