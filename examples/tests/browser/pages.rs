//! The pages of the other examples, in Chromium.

use super::{COME_BACK, STAY_AWAY, has_line};
use crate::chromium::{Chromium, Reaped, Served, has_redis};
use crate::devtools::{Browser, Outcome};
use crate::look::{expect, look};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, process, thread};

/// How often something is tried that may have to wait for another process, and the pause in between.
const TRIES_MAX: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(50);

#[test]
fn the_ticker_shows_what_waits_for_slow_clients() {
    check(|browser| {
        let ticker = Served::start("ticker", &[]);
        let tab = browser.open("ticker", &ticker.url)?;
        browser.wait(&tab, "document.querySelectorAll('#prices li').length === 20")?;
        let gauges = "[...document.querySelectorAll('#gauges > div')].map(gauge => gauge.textContent)";
        browser.wait(&tab, &format!("{gauges}.some(text => text.startsWith('A page as this'))"))?;
        // What the systems between can take lies there, and now prices are replaced in the server.
        let replaced =
            format!("{gauges}.filter(text => /^A slow client.* [1-9][\\d,]* replaced$/.test(text))");
        browser.wait(&tab, &format!("{replaced}.length === 2"))?;
        look(browser, &tab, "ticker")?;
        // The fault: a second later it said "0 a second".
        drop(ticker);
        let state = "document.querySelector('#state').textContent";
        browser.wait(&tab, &format!("{state} === 'connecting again'"))?;
        let later = browser.evaluate(&tab, &format!("rate(); {state}"))?;
        expect(later == "connecting again", || format!("{later}"))?;
        // What Chromium says of the server that is gone.
        browser.console.clear();
        Ok(())
    });
}

/// Who leaves may come back for a while, so this waits: beside the test of the rest of the page.
#[test]
fn the_showcase_counts_nobody_who_has_left() {
    check(|browser| {
        let showcase = Served::start("showcase", &[]);
        let [anna, ben] =
            [browser.open("Anna's tab", &showcase.url)?, browser.open("Ben's tab", &showcase.url)?];
        let here = "document.querySelector('#here').textContent";
        browser.wait(&anna, &format!("{here} === '2 here'"))?;
        browser.enter(&ben, "#name", "Ben")?;
        browser.wait(&anna, "document.querySelector('#log').textContent.includes(' is now Ben')")?;
        browser.close(&ben)?;
        browser.wait(&anna, &has_line(".note", "Ben left"))?;
        browser.wait(&anna, &format!("{here} === 'only you here'"))
    });
}

#[test]
fn the_scripts_that_examples_print_open_a_websocket() {
    check(|browser| {
        for (name, said) in [("echo", "hello"), ("quiz", "1 what is your name?")] {
            let served = Served::start(name, &[]);
            let hint = served.line("try: ").ok_or("it prints nothing")?;
            let script = hint.split_once("in its console: ").ok_or_else(|| hint.clone())?.1;
            let tab = browser.open(name, &served.url)?;
            let listen = "s.addEventListener('message', event => window.heard = event.data); 0";
            browser.evaluate(&tab, &format!("{script}; {listen}"))?;
            browser.wait(&tab, &format!("window.heard === '{said}'"))?;
            expect(browser.console.iter().any(|entry| entry.contains(said)), || "not on the console".into())?;
            browser.close(&tab)?;
            // There is no page, and the script logs what comes.
            browser.console.clear();
        }
        Ok(())
    });
}

#[test]
fn the_dashboard_resumes_and_shows_a_gap_after_a_restart() {
    check(|browser| {
        let mut dashboard = Served::start("dashboard", &[]);
        let tab = browser.open("dashboard", &dashboard.url)?;
        let bands = |class: &str| format!("document.querySelectorAll('path.{class}[d^=M]').length === 3");
        browser.wait(&tab, &format!("samples.length > 4 && {}", bands("line")))?;
        browser.note_states(&tab, "#state")?;
        browser.click(&tab, "#lose")?;
        browser.wait(&tab, "statesSeen.includes('offline')")?;
        browser.wait(&tab, "document.querySelector('#state').dataset.state === 'connected'")?;
        browser.wait(&tab, &bands("missed"))?;
        let whole = "samples.every((sample, n) => n === 0 || !sample.isGap)";
        expect(browser.evaluate(&tab, whole)? == true, || "there is a gap".into())?;
        let (addr, id) = (dashboard.addr.clone(), dashboard.process.id().to_string());
        let sent = Command::new("kill").args(["-TERM", &id]).status().map_err(|error| error.to_string())?;
        expect(sent.success() && dashboard.process.ends()?.success(), || "it did not end".into())?;
        browser.wait(&tab, "document.querySelector('#state').dataset.state === 'offline'")?;
        // Its port may be taken by somebody else for a while.
        let again = |_| {
            thread::sleep(PAUSE);
            Served::try_start_at("dashboard", &addr, &[])
        };
        let _dashboard = (0..TRIES_MAX).find_map(again).ok_or("its port does not become free")?;
        browser.wait(&tab, &bands("gap"))?;
        browser.wait(
            &tab,
            "document.querySelector('#told').textContent.startsWith('The server was started anew')",
        )?;
        browser.wait(&tab, "samples.filter(sample => sample.isGap).length === 1 && !samples.at(-1).isGap")?;
        // What Chromium says of the server that was away.
        browser.console.clear();
        look(browser, &tab, "dashboard")
    });
}

#[test]
fn the_showcase_comes_back_after_a_restart_and_says_that_lines_may_be_lost() {
    check(|browser| {
        let mut showcase = Served::start("showcase", &[]);
        let tab = browser.open("showcase", &showcase.url)?;
        let connected = "document.querySelector('#status').dataset.state === 'connected'";
        browser.wait(&tab, &format!("{connected} && samples.length > 1"))?;
        browser.enter(&tab, "#name", "Anna")?;
        browser.enter(&tab, "#line", "before")?;
        let shows = |text: &str| {
            format!(
                "[...document.querySelectorAll('#log li')].some(line => line.textContent.startsWith('{text}'))"
            )
        };
        browser.wait(&tab, &shows("Youbefore"))?;
        let (addr, id) = (showcase.addr.clone(), showcase.process.id().to_string());
        let sent = Command::new("kill").args(["-TERM", &id]).status().map_err(|error| error.to_string())?;
        expect(sent.success() && showcase.process.ends()?.success(), || "it did not end".into())?;
        browser.wait(&tab, "document.querySelector('#charts').dataset.stale === 'true'")?;
        // Its port may be taken by somebody else for a while.
        let again = |_| {
            thread::sleep(PAUSE);
            Served::try_start_at("showcase", &addr, &[])
        };
        let _showcase = (0..TRIES_MAX).find_map(again).ok_or("its port does not become free")?;
        browser.wait(&tab, connected)?;
        browser.wait(&tab, &shows("Some lines may be lost"))?;
        browser.wait(
            &tab,
            "document.querySelector('#charts').dataset.stale === 'false' && samples.length > 1",
        )?;
        browser.enter(&tab, "#line", "after")?;
        browser.wait(&tab, &shows("Youafter"))?;
        let state = "[document.querySelector('#name').value,
            [...document.querySelectorAll('#log li')].filter(line => line.textContent.startsWith('Some lines')).length].join()";
        let state = browser.evaluate(&tab, state)?;
        expect(state == "Anna,1", || format!("{state}"))?;
        // What Chromium says of the server that was away.
        browser.console.clear();
        Ok(())
    });
}

/// A phone gets the address that was given. Without one it gets that of this machine, if it is not a container.
#[test]
fn the_showcase_shows_its_address_for_a_phone() {
    check(|browser| {
        let showcase = Served::start("showcase", &["--public", "192.0.2.7:8080"]);
        let tab = browser.open("showcase", &showcase.url)?;
        browser.wait(&tab, "document.querySelector('#where a')?.href === 'http://192.0.2.7:8080/'")?;
        look(browser, &tab, "showcase-network")
    });
}

/// It comes back after each end, until the server says with a 204 that there is no more.
#[test]
fn an_event_source_stops_at_a_204() {
    check(|browser| {
        let testbed = Served::start("testbed", &[]);
        let tab = browser.open("testbed", &testbed.url)?;
        let listen = "window.heard = [];
            window.source = new EventSource('/sse');
            source.addEventListener('resumed', event => heard.push(`${event.data} ${event.lastEventId}`));
            source.onerror = () => heard.push(source.readyState === EventSource.CLOSED ? 'closed' : 'again');
            true";
        browser.evaluate(&tab, listen)?;
        browser.wait(&tab, "source.readyState === EventSource.CLOSED")?;
        let heard = browser.evaluate(&tab, "heard.join()")?;
        expect(heard == "again,42 done,again,closed", || format!("{heard}"))
    });
}

#[test]
fn a_client_of_the_cluster_moves_and_misses_nothing() {
    if !has_redis() {
        return;
    }
    check(|browser| {
        let cluster = Served::start("cluster", &["--second", "127.0.0.1:0"]);
        let tab = browser.open("cluster", &cluster.url)?;
        let figure = |id: &str| format!("Number(document.querySelector('#{id}').textContent)");
        browser.wait(&tab, &format!("{} >= 3 && {} > 100", figure("moves"), figure("received")))?;
        for reader in ["a", "b", "mover"] {
            let shows = |by: &str| format!("document.querySelector('#{reader}-news .by-{by}') !== null");
            // Who moves has news of both servers in its list.
            let expected = if reader == "mover" { shows("a") + " && " + &shows("b") } else { shows(reader) };
            browser.wait(&tab, &expected)?;
        }
        // One of the three may be moving just now.
        browser.wait(&tab, &format!("{} >= 2", figure("readers")))?;
        let wrong = format!("{} + {}", figure("missed"), figure("doubled"));
        let wrong = browser.evaluate(&tab, &wrong)?;
        expect(wrong == 0, || format!("{wrong} were missed or came twice"))?;
        look(browser, &tab, "cluster")
    });
}

#[test]
fn two_showcases_share_the_chat_by_a_redis() {
    if !has_redis() {
        return;
    }
    check(|browser| {
        // At a socket of its own: there is no port that another could take.
        let socket = env::temp_dir().join(format!("jackfield-browser-redis-{}", process::id()));
        let _ = fs::remove_file(&socket);
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(&socket);
        let _redis = Reaped::start("redis-server", command.stdout(Stdio::null()));
        let url = format!("redis+unix://{}", socket.display());
        let servers = [(); 2].map(|()| Served::start("showcase", &["--broker", &url]));
        let tabs =
            [browser.open("Anna's tab", &servers[0].url)?, browser.open("Ben's tab", &servers[1].url)?];
        for (tab, name) in tabs.iter().zip(["Anna", "Ben"]) {
            browser.wait(tab, "document.querySelector('#status').dataset.state === 'connected'")?;
            browser.wait(tab, "samples.length > 1")?;
            browser.enter(tab, "#name", name)?;
        }
        let shows = |kind: &str, text: &str| {
            format!(
                "[...document.querySelectorAll('#log {kind}')].some(line => line.textContent === '{text}')"
            )
        };
        // Until both have reached the Redis, each has its own lines only.
        let mut tries = 0;
        let is_there = loop {
            tries += 1;
            browser.enter(&tabs[1], "#line", &format!("Hello {tries}"))?;
            browser.wait(&tabs[1], &shows(".mine", &format!("YouHello {tries}")))?;
            let seen = browser.evaluate(&tabs[0], "document.querySelectorAll('#log .said').length")?;
            if seen.as_u64() > Some(0) || tries == TRIES_MAX {
                break seen.as_u64() > Some(0);
            }
            thread::sleep(PAUSE);
        };
        expect(is_there, || "no line came from the other server".into())?;
        // Each page says which server it is at.
        let label = "document.querySelector('#node').textContent";
        let mut labels = Vec::new();
        for tab in &tabs {
            browser.wait(
                tab,
                &format!("!document.querySelector('#node').hidden && /^Server [0-9a-f]+$/.test({label})"),
            )?;
            labels.push(browser.evaluate(tab, label)?);
        }
        expect(labels[0] != labels[1], || format!("both are {}", labels[0]))?;
        let witness = browser.open("a witness", &servers[0].url)?;
        browser.evaluate(&tabs[0], STAY_AWAY)?;
        browser.click(&tabs[0], "#drop")?;
        browser.wait(&tabs[0], "document.querySelector('#status').dataset.state !== 'connected'")?;
        browser.enter(&tabs[1], "#line", "While you were away")?;
        browser.wait(&witness, &shows(".said", "BenWhile you were away"))?;
        browser.evaluate(&tabs[0], COME_BACK)?;
        browser.wait(&tabs[0], &shows(".said.missed", "BenmissedWhile you were away"))?;
        browser.enter(&tabs[0], "#line", "Back again")?;
        browser.wait(&tabs[1], &shows(".said", "AnnaBack again"))?;
        let _ = fs::remove_file(&socket);
        // Each shows its own figures.
        let own = "samples.every(sample => sample.node === node)";
        for tab in &tabs {
            expect(browser.evaluate(tab, own)? == true, || "figures of both servers are mixed".into())?;
        }
        browser.console.clear();
        Ok(())
    });
}

/// The faults: a page that nobody looked at took a stream when its WebSocket was back (I314), and a page that had heard every line
/// said that lines may be lost when its stream had a gap (I312).
#[test]
fn i312_i314_the_showcase_knows_its_stream_from_its_socket() {
    check(|browser| {
        let showcase = Served::start("showcase", &[]);
        let tab = browser.open("showcase", &showcase.url)?;
        browser.wait(&tab, "!mayMissLines && isOpen()")?;
        let gap = "figures.dispatchEvent(new MessageEvent('resync', { data: '{}' })); \
            document.body.textContent.includes('may be lost')";
        expect(browser.evaluate(&tab, gap)? == false, || "it has heard each line".into())?;
        let hide =
            "window.isAway = true; Object.defineProperty(document, 'hidden', { get: () => isAway }); 0";
        browser.evaluate(&tab, hide)?;
        browser.evaluate(&tab, STAY_AWAY)?;
        browser.click(&tab, "#drop")?;
        browser.wait(&tab, "!isOpen()")?;
        browser.evaluate(&tab, COME_BACK)?;
        browser.wait(&tab, "isOpen()")?;
        let has_none = "figures.readyState === EventSource.CLOSED";
        expect(browser.evaluate(&tab, has_none)? == true, || "nobody looks at its stream".into())?;
        let look_again = "isAway = false; document.dispatchEvent(new Event('visibilitychange')); 0";
        browser.evaluate(&tab, look_again)?;
        browser.wait(&tab, "figures.readyState === EventSource.OPEN && !mayMissLines")?;
        let gap = format!("mayMissLines = true; {gap}");
        expect(browser.evaluate(&tab, &gap)? == true, || "a line may be lost now".into())
    });
}

/// The fault: what was missed was told by the time of the server before, which may have been there for longer: all was missed.
#[test]
fn i443_the_showcase_has_missed_nothing_at_another_server() {
    check(|browser| {
        let showcase = Served::start("showcase", &[]);
        let tab = browser.open("showcase", &showcase.url)?;
        browser.wait(&tab, "!mayMissLines && isOpen()")?;
        let moves = "backAt = 1e12; const before = wasAway();
            figures.dispatchEvent(new MessageEvent('node', { data: 'another\\tshared' })); `${before} ${wasAway()}`";
        let seen = browser.evaluate(&tab, moves)?;
        expect(seen == "true false", || format!("{seen}"))
    });
}

/// The fault: each upload of a page kept a stream, so that the sixth waited for ever.
#[test]
fn i313_a_page_uploads_many_files() {
    let folder = env::temp_dir().join(format!("jackfield-uploads-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    check(|browser| {
        let served = Served::start("upload", &["--folder", folder.to_str().unwrap_or_default()]);
        let tab = browser.open("upload", &served.url)?;
        for bytes in 1..=8 {
            let choose = format!(
                "(() => {{ const files = new DataTransfer(), input = document.getElementById('file');
                    files.items.add(new File(['x'.repeat({bytes})], 'name'));
                    input.files = files.files; input.dispatchEvent(new Event('change')); return 0; }})()"
            );
            browser.evaluate(&tab, &choose)?;
            browser.wait(&tab, &format!("state.textContent.startsWith('{bytes} bytes in ')"))?;
        }
        Ok(())
    });
    fs::remove_dir_all(&folder).unwrap();
}

/// Opens a browser, if there is one.
#[track_caller]
fn check(check: impl FnOnce(&mut Browser) -> Outcome<()>) {
    let Some(chromium) = Chromium::start() else { return };
    let outcome = Browser::connect(&chromium.devtools).and_then(|mut browser| {
        check(&mut browser)?;
        let console = std::mem::take(&mut browser.console);
        browser.quit()?;
        expect(console.is_empty(), || format!("on the console: {console:?}"))
    });
    assert_eq!(outcome, Ok(()));
}
