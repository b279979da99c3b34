//! The mailbox with real threads. `loom.rs` looks at every order in which few of them can meet.

use jackfield_reactor::{Mailbox, PostError, Taken};

#[test]
fn a_full_mailbox_returns_the_command() {
    let mailbox = Mailbox::new(None, 2, 100);
    assert_eq!(mailbox.post(1, 1), Ok(()));
    assert_eq!(mailbox.post(2, 1), Ok(()));
    assert_eq!(mailbox.post(3, 1), Err(PostError::Full(3)));
    let mut commands = Vec::new();
    mailbox.take(&mut commands, usize::MAX);
    assert_eq!(commands, [1, 2]);
    assert_eq!(mailbox.post(3, 1), Ok(()));
}

#[test]
fn a_reserved_place_is_kept_when_the_box_is_full() {
    let mailbox = Mailbox::new(None, 1, 100);
    assert_eq!(mailbox.post(1, 1), Ok(()));
    mailbox.post_reserved(2, 1);
    let mut commands = Vec::new();
    mailbox.take(&mut commands, usize::MAX);
    assert_eq!(commands, [1, 2]);
}

#[test]
fn commands_that_are_put_back_are_the_first_again() {
    let mailbox = Mailbox::new(None, 2, 100);
    (1..=2).for_each(|n| mailbox.post(n, 10).unwrap());
    let mut commands = Vec::new();
    assert_eq!(mailbox.take(&mut commands, 2), Taken { bytes: 20, more: false });
    (3..=4).for_each(|n| mailbox.post(n, 10).unwrap());
    assert_eq!(mailbox.put_back(commands.drain(..), |n| 10 * n), 30);
    assert_eq!((mailbox.len(), mailbox.bytes()), (4, 50));
    assert_eq!(mailbox.post(5, 10), Err(PostError::Full(5)), "the others count as before");
    assert_eq!(mailbox.take(&mut commands, 3), Taken { bytes: 40, more: true });
    assert_eq!(commands, [1, 2, 3]);
    mailbox.post(5, 10).unwrap();
    // Also when its reactor has ended: they can still be taken, or are dropped with it.
    mailbox.close();
    mailbox.put_back(commands.drain(..), |_| 10);
    mailbox.take(&mut commands, usize::MAX);
    assert_eq!(commands, [1, 2, 3, 4, 5]);
    assert_eq!(mailbox.bytes(), 0);
}

#[test]
fn the_waker_is_used_once_a_batch() {
    let mailbox = Mailbox::new(None, 10, 100);
    assert!(!mailbox.has_commands());
    mailbox.post(1, 1).unwrap();
    mailbox.post(2, 1).unwrap();
    assert!(mailbox.has_commands());
    let mut commands = Vec::new();
    mailbox.take(&mut commands, usize::MAX);
    assert!(!mailbox.has_commands());
    assert_eq!(commands.len(), 2);
}

#[test]
fn commands_of_many_threads_all_arrive_in_the_order_of_each() {
    let mailbox = Mailbox::new(None, usize::MAX, usize::MAX);
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let mailbox = &mailbox;
            scope.spawn(move || (0..1000u32).for_each(|n| mailbox.post((thread, n), 1).unwrap()));
        }
        while all.len() < 4000 {
            let mut commands = Vec::new();
            mailbox.take(&mut commands, usize::MAX);
            all.append(&mut commands);
        }
    });
    for thread in 0..4 {
        let numbers = all.iter().filter(|(t, _)| *t == thread).map(|(_, n)| *n);
        assert!(numbers.eq(0..1000));
    }
}

#[test]
fn as_many_are_taken_as_one_turn_may_and_the_others_keep_their_order() {
    let mailbox = Mailbox::new(None, 5, 100);
    (1..=5).for_each(|n| mailbox.post(n, 10).unwrap());
    let mut commands = Vec::new();
    assert_eq!(mailbox.take(&mut commands, 2), Taken { bytes: 20, more: true });
    assert_eq!(mailbox.post(6, 10), Ok(()));
    assert_eq!(mailbox.take(&mut commands, 3), Taken { bytes: 30, more: true });
    assert_eq!(mailbox.take(&mut commands, 3), Taken { bytes: 10, more: false });
    assert_eq!(mailbox.take(&mut commands, 3), Taken::default());
    assert_eq!(commands, [1, 2, 3, 4, 5, 6]);
}

/// 500 commands of a megabyte were 500 commands.
#[test]
fn bytes_are_bounded_as_commands_are() {
    let mailbox = Mailbox::new(None, 1000, 100);
    assert_eq!(mailbox.post(1, 99), Ok(()));
    assert_eq!(mailbox.post(2, 1000), Ok(()), "none is refused for its own size");
    assert_eq!(mailbox.post(3, 0), Err(PostError::Full(3)));
    mailbox.post_reserved(4, 5);
    assert_eq!((mailbox.len(), mailbox.bytes()), (3, 1104));
    let mut commands = Vec::new();
    mailbox.take(&mut commands, 1);
    assert_eq!(mailbox.post(3, 0), Err(PostError::Full(3)));
    mailbox.take(&mut commands, 1);
    assert_eq!((mailbox.post(3, 0), mailbox.bytes()), (Ok(()), 5));
}

/// What its owner has left in it is taken once more, and nothing can be put in any more, reserved or not.
#[test]
fn a_closed_box_gives_everything_back() {
    let mailbox = Mailbox::new(None, 10, 100);
    assert_eq!((mailbox.post(1, 1), mailbox.post_reserved(2, 1)), (Ok(()), None));
    mailbox.close();
    assert_eq!((mailbox.post(3, 1), mailbox.post_reserved(4, 1)), (Err(PostError::Closed(3)), Some(4)));
    let mut commands = Vec::new();
    assert_eq!(mailbox.take(&mut commands, usize::MAX), Taken { bytes: 2, more: false });
    assert_eq!((commands, mailbox.len()), (vec![1, 2], 0));
}
