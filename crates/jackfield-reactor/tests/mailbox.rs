//! The mailbox with real threads. `loom.rs` looks at every order in which few of them can meet.

use jackfield_reactor::{Full, Mailbox};

#[test]
fn a_full_box_gives_the_command_back() {
    let mailbox = Mailbox::new(None, 2);
    assert_eq!(mailbox.post(1), Ok(()));
    assert_eq!(mailbox.post(2), Ok(()));
    assert_eq!(mailbox.post(3), Err(Full(3)));
    let mut commands = Vec::new();
    mailbox.take(&mut commands);
    assert_eq!(commands, [1, 2]);
    assert_eq!(mailbox.post(3), Ok(()));
}

#[test]
fn a_reserved_place_is_kept_when_the_box_is_full() {
    let mailbox = Mailbox::new(None, 1);
    assert_eq!(mailbox.post(1), Ok(()));
    mailbox.post_reserved(2);
    let mut commands = Vec::new();
    mailbox.take(&mut commands);
    assert_eq!(commands, [1, 2]);
}

#[test]
fn the_waker_is_used_once_a_batch() {
    let mailbox = Mailbox::new(None, 10);
    assert!(!mailbox.has_commands());
    mailbox.post(1).unwrap();
    mailbox.post(2).unwrap();
    assert!(mailbox.has_commands());
    let mut commands = Vec::new();
    mailbox.take(&mut commands);
    assert!(!mailbox.has_commands());
    assert_eq!(commands.len(), 2);
}

#[test]
fn commands_of_many_threads_all_arrive_in_the_order_of_each() {
    let mailbox = Mailbox::new(None, usize::MAX);
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let mailbox = &mailbox;
            scope.spawn(move || (0..1000u32).for_each(|n| mailbox.post((thread, n)).unwrap()));
        }
        while all.len() < 4000 {
            let mut commands = Vec::new();
            mailbox.take(&mut commands);
            all.append(&mut commands);
        }
    });
    for thread in 0..4 {
        let numbers = all.iter().filter(|(t, _)| *t == thread).map(|(_, n)| *n);
        assert!(numbers.eq(0..1000));
    }
}
