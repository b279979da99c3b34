//! The writing thread: it sends publications, opens topics to be read, and reconnects.

use crate::pipeline::{self, Share};
use crate::presence::Presence;
use crate::queue::{Item, Queue};
use crate::reader::{BLOCK, Followed, Reader};
use crate::stream::{self, Added, Addition, Page};
use jackfield::{BrokerInbox, Position, SharedTopic};
use redis::{Connection, ErrorKind, RedisError, RedisResult, Value};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The pause before a reconnect: the first, and the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The pause of a topic that Redis refuses to read or write.
const TOPIC_PAUSE: Duration = Duration::from_secs(1);

/// The longest wait for the queue before the thread checks its state.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the stream that wakes the reader is kept, in seconds.
const WAKE_SECONDS: u64 = 60;

pub(crate) struct Setup {
    pub(crate) client: redis::Client,
    pub(crate) prefix: String,
    pub(crate) timeout: Duration,
    pub(crate) presence: Duration,
    pub(crate) node: u64,
    pub(crate) queue: Arc<Queue>,
    pub(crate) inbox: BrokerInbox,
}

pub(crate) struct Writer {
    setup: Setup,
    topics: BTreeMap<Arc<str>, Topic>,
    followed: Arc<Followed>,
    presence: Presence,
    /// The topics that Redis has just refused to read together, and why.
    suspicion: Option<(Vec<Arc<str>>, String)>,
    /// Why Redis lets no topic be read as it comes, although it gives what it has of each. Until [`Item::Readable`].
    refusal: Option<String>,
    /// The last reported error.
    told: Option<String>,
    /// The last reported error of the presence.
    told_of_presence: Option<String>,
}

struct Topic {
    shared: SharedTopic,
    key: String,
    /// The epoch of the stream. `None`: it must be read first.
    epoch: Option<u64>,
    /// The newest position that is known.
    known: Position,
    /// Messages that Redis has not acknowledged, in order.
    pending: VecDeque<Vec<u8>>,
    /// How many of them, from the front, Redis may have all the same, because the connection was lost before its
    /// answer.
    in_doubt: usize,
    /// Those are behind this position, if Redis has them.
    doubt_after: Position,
    /// The topic must be read, beginning after this position.
    wanted: Option<Option<Position>>,
    /// The reader reads it.
    is_open: bool,
    /// Redis has refused what was written last.
    is_write_refused: bool,
    /// Redis has refused what was written or read last, so the queue has less room for it.
    is_refused: bool,
    /// Redis has refused a pipeline with it, and it may be the reason: it is sent alone until Redis takes what is written.
    is_suspect: bool,
    /// After an error: no attempt before this time.
    rests_until: Option<Instant>,
    /// The last reported error, until the topic works again.
    told: Option<String>,
}

/// Why the work with one connection ends.
enum End {
    Stopped,
    Gone(String),
}

impl Writer {
    pub(crate) fn new(setup: Setup) -> Self {
        let presence = Presence::new(setup.presence, &setup.prefix, setup.node);
        Self {
            setup,
            topics: BTreeMap::new(),
            followed: Arc::default(),
            presence,
            suspicion: None,
            refusal: None,
            told: None,
            told_of_presence: None,
        }
    }

    /// Works until it is stopped.
    pub(crate) fn run(mut self) {
        let mut pause = PAUSE_FIRST;
        loop {
            let is_last = self.setup.queue.is_stopped();
            let end = match self.connect() {
                Ok((writes, reads)) => {
                    pause = PAUSE_FIRST;
                    self.told = None;
                    self.setup.inbox.up();
                    self.serve(writes, reads)
                }
                Err(error) => End::Gone(error.to_string()),
            };
            match end {
                End::Stopped => return,
                End::Gone(why) => self.tell(why),
            }
            self.presence.forget_if_old(&self.setup.inbox);
            self.setup.queue.sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
            // What waits is tried to be sent once more.
            if self.setup.queue.is_stopped() && (is_last || !self.setup.queue.is_wanted()) {
                return;
            }
        }
    }

    fn tell(&mut self, why: String) {
        if self.told.as_ref() != Some(&why) {
            self.setup.inbox.down(&why);
            self.told = Some(why);
        }
    }

    fn connect(&self) -> RedisResult<(Connection, Connection)> {
        let Setup { client, timeout, .. } = &self.setup;
        let connect = |patience| {
            let connection = client.get_connection_with_timeout(*timeout)?;
            connection.set_write_timeout(Some(*timeout))?;
            connection.set_read_timeout(Some(patience))?;
            Ok::<_, RedisError>(connection)
        };
        let mut writes = connect(*timeout)?;
        match self.wake(&mut writes) {
            // It takes connections, and does not serve them: it is loading, a replica, or wants a password.
            Err(error) if is_gone(&error) => Err(error),
            _ => Ok((writes, connect(timeout.saturating_add(BLOCK))?)),
        }
    }

    fn serve(&mut self, mut writes: Connection, reads: Connection) -> End {
        self.setup.queue.mend();
        self.presence.begin();
        self.suspicion = None;
        // The new reader must not read on what is loaded first.
        self.close_all(|_| true);
        for topic in self.topics.values_mut() {
            (topic.epoch, topic.rests_until) = (None, None);
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let reader = Reader {
            followed: self.followed.clone(),
            wake_key: self.wake_key(),
            queue: self.setup.queue.clone(),
            inbox: self.setup.inbox.clone(),
            is_over: is_over.clone(),
        };
        let begun =
            thread::Builder::new().name("jackfield-redis-reader".into()).spawn(move || reader.run(reads));
        let end = match begun {
            Ok(_) => self.work(&mut writes).unwrap_or_else(|error| End::Gone(error.to_string())),
            Err(error) => End::Gone(error.to_string()),
        };
        is_over.store(true, Ordering::Release);
        end
    }

    fn work(&mut self, connection: &mut Connection) -> RedisResult<End> {
        loop {
            let taken = self.setup.queue.take(self.patience());
            taken.items.into_iter().for_each(|item| self.take_up(item));
            if taken.is_broken {
                return Ok(End::Gone("the connection that reads is gone".into()));
            }
            if taken.is_given_up {
                return Ok(End::Stopped);
            }
            self.open(connection)?;
            self.send(connection)?;
            self.exchange_presence(connection)?;
            if taken.is_stopped && !self.has_work() {
                // If this fails, the report expires later.
                let _ = self.presence.delete_report(connection);
                return Ok(End::Stopped);
            }
        }
    }

    fn exchange_presence(&mut self, connection: &mut Connection) -> RedisResult<()> {
        if !self.presence.time_to_report().is_zero() {
            return Ok(());
        }
        let why = match self.presence.sync(connection, &self.setup.inbox) {
            Ok(()) => None,
            Err(error) if is_gone(&error) => return Err(error),
            Err(error) => Some(error.to_string()),
        };
        self.presence.forget_if_old(&self.setup.inbox);
        if why.is_some() && why != self.told_of_presence {
            self.setup.inbox.presence_down(why.as_deref().unwrap_or_default());
        }
        self.told_of_presence = why;
        Ok(())
    }

    /// The longest wait for the queue now.
    fn patience(&self) -> Duration {
        if self.has_work() {
            return Duration::ZERO;
        }
        // Of a topic whose rest is over and that has no work there is nothing to wait for.
        let rests = self.topics.values().filter(|topic| !topic.is_ready());
        let until = rests.filter_map(|topic| topic.rests_until).min();
        let rest = until.map_or(PATIENCE, |until| until.saturating_duration_since(Instant::now()));
        rest.min(self.presence.time_to_report())
    }

    fn has_work(&self) -> bool {
        self.topics.values().any(|topic| topic.is_ready() && topic.has_work())
    }

    fn take_up(&mut self, item: Item) {
        match item {
            Item::Publish(shared, message) => self.topic(shared).pending.push_back(message),
            Item::Follow(shared, from) => {
                let topic = self.topic(shared);
                (topic.wanted, topic.is_open) = (Some(from), false);
            }
            Item::Unfollow(name) => {
                self.followed.remove(&name);
                if let Some(topic) = self.topics.get_mut(&name) {
                    (topic.wanted, topic.is_open) = (None, false);
                    // Whether it is still refused, the next one who reads it will learn.
                    if !topic.is_write_refused {
                        topic.set_refused(false, &self.setup);
                        topic.tell_up(&self.setup);
                    }
                }
            }
            // Each is opened again, by which it shows whether Redis refuses that one.
            Item::Refused(topics, why) => {
                self.close_all(|_| true);
                self.suspicion = Some((topics, why));
            }
            Item::Readable => {
                self.suspicion = None;
                if self.refusal.take().is_some() {
                    self.close_all(|topic| topic.told.is_some());
                }
            }
        }
    }

    /// Takes topics from the reader, to open them again.
    fn close_all(&mut self, which: impl Fn(&Topic) -> bool) {
        for (name, topic) in self.topics.iter_mut().filter(|(_, topic)| which(topic)) {
            topic.close(name, &self.followed);
        }
    }

    fn topic(&mut self, shared: SharedTopic) -> &mut Topic {
        let prefix = &self.setup.prefix;
        self.topics.entry(shared.name.clone()).or_insert_with(|| Topic {
            key: stream::key(prefix, &shared.name),
            shared,
            epoch: None,
            known: Position::default(),
            pending: VecDeque::new(),
            in_doubt: 0,
            doubt_after: Position::default(),
            wanted: None,
            is_open: false,
            is_write_refused: false,
            is_refused: false,
            is_suspect: false,
            rests_until: None,
            told: None,
        })
    }

    /// Loads the topics that must be read, and gives them to the reader.
    fn open(&mut self, connection: &mut Connection) -> RedisResult<()> {
        let opened = self.load(connection)?;
        self.judge();
        let Self { topics, setup, refusal, .. } = self;
        for (name, head) in &opened {
            if let Some(topic) = topics.get_mut(name) {
                topic.opened(*head, refusal.as_deref(), setup);
            }
        }
        match if opened.is_empty() { Ok(()) } else { self.wake(connection) } {
            Err(error) if is_gone(&error) => Err(error),
            // A reader that can't be woken, for example for lack of memory, sees the change a little later.
            _ => Ok(()),
        }
    }

    /// Returns the topics that Redis gives, and up to which position they were read.
    fn load(&mut self, connection: &mut Connection) -> RedisResult<Vec<(Arc<str>, Position)>> {
        let mut opened = Vec::new();
        let Self { topics, setup, followed, .. } = self;
        for (name, topic) in topics.iter_mut().filter(|(_, topic)| topic.is_ready() && topic.is_to_open()) {
            // Continue where the reader was when the connection was lost, if it had read anything.
            topic.close(name, followed);
            match topic.load(connection, &setup.inbox) {
                Ok(head) => {
                    followed.insert(name, topic.key.clone(), head);
                    (topic.is_open, topic.wanted) = (true, Some(Some(head)));
                    opened.push((name.clone(), head));
                }
                Err(error) => topic.fail(error, setup, followed)?,
            }
        }
        Ok(opened)
    }

    /// Redis has refused to read some topics together. If it gives each of them alone, the reason is none of them.
    fn judge(&mut self) {
        let Some((topics, why)) = self.suspicion.take() else { return };
        let is_open = |name: &Arc<str>| self.topics.get(name).is_some_and(|topic| topic.is_open);
        if topics.iter().all(is_open) {
            self.refusal = Some(why);
        }
    }

    /// Wakes the reader, because the followed topics have changed.
    fn wake(&self, connection: &mut Connection) -> RedisResult<()> {
        let key = self.wake_key();
        let mut pipeline = redis::pipe();
        pipeline.cmd("XADD").arg(&key).arg("MAXLEN").arg(1).arg("*").arg("m").arg("");
        pipeline.cmd("EXPIRE").arg(&key).arg(WAKE_SECONDS);
        pipeline::query(connection, &pipeline)
    }

    fn wake_key(&self) -> String {
        format!("{}:wake:{:x}", self.setup.prefix, self.setup.node)
    }

    /// Sends what waits: the topics that are not suspect together, and the suspect that has been ready for the longest time.
    fn send(&mut self, connection: &mut Connection) -> RedisResult<()> {
        let Self { topics, setup, followed, .. } = self;
        let waiting = topics.values_mut().filter(|topic| topic.is_ready() && !topic.pending.is_empty());
        let (suspects, others): (Vec<_>, Vec<_>) = waiting.partition(|topic| topic.is_suspect);
        send_together(others, connection, setup, followed)?;
        let suspect = suspects.into_iter().min_by_key(|topic| topic.rests_until);
        send_together(suspect.into_iter().collect(), connection, setup, followed)
    }
}

/// Sends one pipeline, which Redis carries out completely or not at all.
fn send_together(
    topics: Vec<&mut Topic>,
    connection: &mut Connection,
    setup: &Setup,
    followed: &Followed,
) -> RedisResult<()> {
    let share = Share::of(topics.len());
    let (mut commands, mut batch, mut all) = (Vec::new(), Vec::new(), 0);
    for topic in topics {
        let epoch = match topic.prepare(connection, &setup.queue) {
            Ok(epoch) => epoch,
            Err(error) => {
                topic.fail(error, setup, followed)?;
                topic.is_write_refused = true;
                continue;
            }
        };
        if topic.pending.is_empty() {
            // Redis had all that was in doubt.
            topic.accept_write(setup, followed);
            continue;
        }
        let addition = Addition::new(&topic.key, &topic.shared.history, epoch);
        let count = share.count(topic.pending.iter().map(Vec::len));
        topic.pending.iter().take(count).for_each(|message| addition.push(message, &mut commands));
        (topic.in_doubt, topic.doubt_after) = (count, topic.known);
        batch.push((topic, count));
        all += count;
    }
    match carry_out(connection, &commands, all) {
        Ok(answers) => {
            let mut answers = answers.iter();
            for (topic, count) in batch {
                topic.take_answers(answers.by_ref().take(count), setup, followed);
            }
        }
        Err(error) if is_gone(&error) => return Err(error),
        Err(error) => refuse_all(batch, &error.to_string(), setup, followed),
    }
    Ok(())
}

/// Sends `count` commands, and returns their answers. Redis carries out all or none.
fn carry_out(connection: &mut Connection, commands: &[u8], count: usize) -> RedisResult<Vec<Value>> {
    match count {
        0 => Ok(Vec::new()),
        // A single command needs no transaction.
        1 => {
            let answers = pipeline::exchange(connection, commands, 1)?;
            match first_refusal(&answers) {
                Some(error) if is_gone(&error) => Err(error),
                _ => Ok(answers),
            }
        }
        count => {
            let mut answers = pipeline::exchange(connection, &stream::transaction(commands), count + 2)?;
            match (first_refusal(&answers), answers.pop()) {
                (Some(error), _) => Err(error),
                (None, Some(Value::Array(answers))) => Ok(answers),
                (None, answer) => {
                    Err(RedisError::from((ErrorKind::TypeError, "no answer to EXEC", format!("{answer:?}"))))
                }
            }
        }
    }
}

fn first_refusal(answers: &[Value]) -> Option<RedisError> {
    answers.iter().find_map(|answer| match answer {
        Value::ServerError(error) => Some(error.clone().into()),
        _ => None,
    })
}

/// Handles a pipeline of which nothing was carried out. It may be for one of several topics: which one, it shows when each is
/// sent alone.
fn refuse_all(batch: Vec<(&mut Topic, usize)>, why: &str, setup: &Setup, followed: &Followed) {
    let is_alone = batch.len() == 1;
    for (topic, _) in batch {
        (topic.in_doubt, topic.is_suspect) = (0, true);
        if is_alone {
            topic.refuse_write(why, setup, followed);
        }
    }
}

impl Topic {
    fn pause(&mut self, span: Duration) {
        self.rests_until = Some(Instant::now() + span);
    }

    fn is_ready(&self) -> bool {
        self.rests_until.is_none_or(|until| until <= Instant::now())
    }

    fn is_to_open(&self) -> bool {
        self.wanted.is_some() && !self.is_open
    }

    fn has_work(&self) -> bool {
        self.is_to_open() || !self.pending.is_empty()
    }

    /// Takes the topic from the reader, and keeps the reader's position.
    fn close(&mut self, name: &str, followed: &Followed) {
        if let Some(position) = followed.remove(name) {
            if let Some(wanted) = &mut self.wanted {
                *wanted = Some(position);
            }
        }
        self.is_open = false;
    }

    /// Gives the entries after the last known position to the inbox, as many as the history keeps. Returns the new position.
    fn load(&mut self, connection: &mut Connection, inbox: &BrokerInbox) -> RedisResult<Position> {
        let from = self.wanted.flatten();
        let head = self.head(connection, self.known.max(from.unwrap_or_default()))?;
        self.known = self.known.max(head);
        let name = &self.shared.name;
        match from.filter(|from| from.epoch == head.epoch) {
            Some(at) => {
                let newest = stream::newest_after(connection, &self.key, at, head, &self.shared.history)?;
                inbox.receive(name, &newest);
                Ok(newest.last().map_or(at, |(last, _)| *last))
            }
            None => {
                // The epoch begins with what is kept of it: its beginning would be a second gap.
                let tail = stream::tail(connection, &self.key, head, &self.shared.history)?;
                inbox.receive(name, &tail);
                Ok(head)
            }
        }
    }

    /// The position of the newest entry. If the stream ends before the known position, Redis has lost entries that it had
    /// acknowledged, or the stream is an older one, from a backup or of a server whose clock is behind. Then a new epoch
    /// begins: these positions will mean other messages, and nobody would take entries of an older epoch.
    fn head(&self, connection: &mut Connection, known: Position) -> RedisResult<Position> {
        let head = stream::head(connection, &self.key, known.epoch)?;
        if known <= head {
            return Ok(head);
        }
        stream::begin(connection, &self.key, known.epoch)?;
        stream::head(connection, &self.key, known.epoch)
    }

    /// The epoch in which messages are added. First looks for messages that are in doubt.
    fn prepare(&mut self, connection: &mut Connection, queue: &Queue) -> RedisResult<u64> {
        if let Some(epoch) = self.epoch.filter(|_| self.in_doubt == 0) {
            return Ok(epoch);
        }
        let head = self.head(connection, self.known)?;
        if self.in_doubt > 0 && self.doubt_after.epoch == head.epoch && self.is_there(connection, head)? {
            self.acknowledge(self.in_doubt, queue);
        }
        self.in_doubt = 0;
        self.known = head;
        self.epoch = Some(head.epoch);
        Ok(head.epoch)
    }

    /// Whether the last message in doubt has arrived, up to `head`. A pipeline arrives completely or not at all.
    fn is_there(&self, connection: &mut Connection, head: Position) -> RedisResult<bool> {
        let Some(message) = self.pending.get(self.in_doubt - 1) else { return Ok(false) };
        let (mut at, mut page) = (self.doubt_after, Page::first());
        while at < head {
            let entries = stream::entries_after(connection, &self.key, at, &mut page)?;
            let Some((last, _)) = entries.last() else { break };
            at = *last;
            if entries.iter().any(|(_, found)| found == message) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn acknowledge(&mut self, count: usize, queue: &Queue) {
        let bytes = self.pending.drain(..count).map(|message| message.len()).sum();
        queue.uncount_taken(&self.shared.name, count, bytes);
    }

    fn take_answers<'a>(
        &mut self,
        answers: impl Iterator<Item = &'a Value>,
        setup: &Setup,
        followed: &Followed,
    ) {
        self.in_doubt = 0;
        let mut count = 0;
        for answer in answers {
            match stream::parse_added(answer) {
                Added::At(position) if position > self.known => {
                    self.known = position;
                    count += 1;
                }
                // The messages after it had the same result. If the stream is an older one than is known, the message is there
                // at a position that nobody takes: it goes to a new epoch too.
                Added::At(_) | Added::Elsewhere => {
                    self.epoch = None;
                    break;
                }
                Added::Refused(why) => {
                    self.acknowledge(count, &setup.queue);
                    return self.refuse_write(&why, setup, followed);
                }
            }
        }
        self.acknowledge(count, &setup.queue);
        if count > 0 {
            self.accept_write(setup, followed);
        }
    }

    /// Notes that Redis refuses what is written. What it has can still be read.
    fn refuse_write(&mut self, why: &str, setup: &Setup, followed: &Followed) {
        self.is_write_refused = true;
        self.rest(why, setup, followed);
    }

    /// Tells the queue how much room the topic may have.
    fn set_refused(&mut self, is_refused: bool, setup: &Setup) {
        if std::mem::replace(&mut self.is_refused, is_refused) != is_refused {
            setup.queue.set_refused(&self.shared.name, is_refused);
        }
    }

    /// Notes that Redis takes what is written. If it did not before, the topic is opened again, by which it becomes live.
    fn accept_write(&mut self, setup: &Setup, followed: &Followed) {
        self.is_suspect = false;
        let was_refused = std::mem::take(&mut self.is_write_refused);
        self.set_refused(false, setup);
        if self.wanted.is_none() {
            self.tell_up(setup);
        } else if was_refused {
            let name = self.shared.name.clone();
            self.close(&name, followed);
        }
    }

    /// All that Redis has of the topic was read up to here. It is live, unless Redis refuses what comes or what is written.
    fn opened(&mut self, head: Position, refusal: Option<&str>, setup: &Setup) {
        self.set_refused(self.is_write_refused, setup);
        match refusal {
            // That was reported.
            _ if self.is_write_refused => {}
            Some(why) => self.tell_down(why, setup),
            None => {
                setup.inbox.topic_live(&self.shared.name, head);
                self.tell_up(setup);
            }
        }
    }

    /// Notes that Redis refuses to read or write the topic. An error of the connection is returned.
    fn fail(&mut self, error: RedisError, setup: &Setup, followed: &Followed) -> RedisResult<()> {
        if is_gone(&error) {
            return Err(error);
        }
        self.rest(&error.to_string(), setup, followed);
        Ok(())
    }

    fn rest(&mut self, why: &str, setup: &Setup, followed: &Followed) {
        let name = self.shared.name.clone();
        self.close(&name, followed);
        self.pause(TOPIC_PAUSE);
        self.epoch = None;
        self.set_refused(true, setup);
        self.tell_down(why, setup);
    }

    fn tell_down(&mut self, why: &str, setup: &Setup) {
        if self.told.as_deref() != Some(why) {
            setup.inbox.topic_down(&self.shared.name, why);
            self.told = Some(why.to_owned());
        }
    }

    fn tell_up(&mut self, setup: &Setup) {
        if self.told.take().is_some() {
            setup.inbox.topic_up(&self.shared.name);
        }
    }
}

/// Whether the connection can't be used any more.
fn is_gone(error: &RedisError) -> bool {
    let is_for_all = matches!(
        error.kind(),
        ErrorKind::IoError
            | ErrorKind::BusyLoadingError
            | ErrorKind::AuthenticationFailed
            | ErrorKind::MasterDown
            // A primary that has become a replica: its name may lead to the new primary now.
            | ErrorKind::ReadOnly
    );
    is_for_all || error.is_unrecoverable_error() || matches!(error.code(), Some("NOAUTH" | "LOADING"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;
    use jackfield::test::{TestOptions, TestServer};
    use jackfield::{Broker, Client, History, QueueFull};
    use std::sync::Mutex;

    /// A broker that only keeps the inbox.
    #[derive(Default)]
    struct Keeper(Mutex<Option<BrokerInbox>>);

    impl Broker for Keeper {
        fn start(&self, inbox: BrokerInbox) {
            *self.0.lock().unwrap() = Some(inbox);
        }

        fn publish(&self, _topic: &SharedTopic, _message: Vec<u8>) -> Result<(), QueueFull> {
            Err(QueueFull)
        }

        fn follow(&self, _topic: &SharedTopic, _from: Option<Position>) {}

        fn unfollow(&self, _topic: &SharedTopic) {}

        fn stop(&self) {}
    }

    struct Nobody;

    impl Client for Nobody {}

    fn writer() -> Writer {
        let keeper = Arc::new(Keeper::default());
        let options = TestOptions { broker: Some(keeper.clone()), ..TestOptions::default() };
        drop(TestServer::with_options(options, |_peer| Nobody));
        let inbox = keeper.0.lock().unwrap().take().unwrap();
        Writer::new(Setup {
            client: redis::Client::open("redis://127.0.0.1:1").unwrap(),
            prefix: "test".into(),
            timeout: Duration::from_secs(1),
            presence: Duration::ZERO,
            node: 1,
            queue: Arc::new(Queue::new(10, 100)),
            inbox,
        })
    }

    /// The fault: what was read from a Redis that was left meanwhile came in behind the word of the new one.
    #[test]
    fn i379_what_an_old_connection_gets_late_is_not_handed_in() {
        let bulk = |text: &str| Value::BulkString(text.into());
        for is_over in [false, true] {
            let Setup { queue, inbox, .. } = writer().setup;
            let (name, followed): (Arc<str>, _) = ("t".into(), Arc::<Followed>::default());
            let [before, after] = [1, 2].map(|offset| Position { epoch: 1, offset });
            followed.insert(&name, "key".into(), before);
            let is_over_now = Arc::new(AtomicBool::new(is_over));
            let wake_key = "wake".to_owned();
            let reader = Reader { followed: followed.clone(), wake_key, queue, inbox, is_over: is_over_now };
            let entry = Value::Array(vec![bulk("1-2"), Value::Array(vec![bulk("m"), bulk("late")])]);
            let stream = Value::Array(vec![bulk("key"), Value::Array(vec![entry])]);
            let list = [(name, "key".to_owned(), before)];
            reader.hand_in(Value::Array(vec![stream]), &list, &mut String::new(), &mut Page::first());
            assert_eq!(followed.remove("t"), Some(if is_over { before } else { after }));
        }
    }

    /// The fault: with a refusal that came late, all topics counted as refused at the next connection.
    #[test]
    fn i521_what_an_old_connection_is_refused_late_is_not_told() {
        let (is_over, queue) = (Arc::new(AtomicBool::new(false)), Arc::new(Queue::new(10, 100)));
        let ends = is_over.clone();
        let connection = stub::connect(move |command| {
            let is_read = command == "XREAD";
            ends.fetch_or(is_read, Ordering::SeqCst);
            if is_read { "-UNBLOCKED it steps down\r\n" } else { "+OK\r\n" }.to_owned()
        });
        let (followed, wake_key, inbox) = (Arc::default(), "wake".to_owned(), writer().setup.inbox);
        Reader { followed, wake_key, queue: queue.clone(), inbox, is_over }.run(connection);
        assert!(queue.take(Duration::ZERO).items.is_empty());
    }

    /// The time at which the pause of a topic ends stays known, and must not be waited for again.
    #[test]
    fn when_the_pause_of_a_topic_is_over_the_thread_waits_for_the_queue() {
        let mut writer = writer();
        writer.take_up(Item::Follow(SharedTopic::new("t", History::new(1)), None));
        let topic = |writer: &mut Writer, pause| {
            let topic = writer.topics.get_mut("t").unwrap();
            topic.is_open = true;
            topic.pause(pause);
        };
        topic(&mut writer, PATIENCE - Duration::from_secs(1));
        assert!(writer.patience() < PATIENCE);
        topic(&mut writer, Duration::ZERO);
        assert_eq!(writer.patience(), PATIENCE);
    }
}
