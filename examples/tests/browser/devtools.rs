//! As much of the Chrome DevTools Protocol as a test needs: a browser, its tabs, and what they have on their consoles.

use serde_json::{Value, json};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use tungstenite::{Message, WebSocket};

/// How long the browser may take for one command, and a page until it shows what is waited for. On a busy machine that is
/// more than a minute.
const ANSWER_MAX: Duration = Duration::from_secs(600);
/// How often a click is repeated that has missed its element.
const CLICKS_MAX: u32 = 20;
/// How often a page is asked for what is waited for. Short against any time that a user would notice.
const POLL_AFTER: Duration = Duration::from_millis(20);

pub(crate) type Outcome<T> = Result<T, String>;

/// A browser, and the notes of what its tabs reported.
pub(crate) struct Browser {
    socket: WebSocket<TcpStream>,
    commands: u64,
    /// Errors, warnings and other entries of a console or of a tab's log.
    pub(crate) console: Vec<String>,
    /// What was asked for, with the status of its answer.
    pub(crate) fetched: Vec<(String, u64)>,
}

/// One tab of it.
#[derive(Clone)]
pub(crate) struct Tab {
    name: &'static str,
    target: String,
    session: String,
}

impl Browser {
    pub(crate) fn connect(devtools: &str) -> Outcome<Self> {
        let rest = devtools.strip_prefix("ws://").ok_or_else(|| format!("`{devtools}` is no address"))?;
        let authority = rest.split('/').next().unwrap_or_default();
        let stream = TcpStream::connect(authority).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(ANSWER_MAX)).map_err(|error| error.to_string())?;
        let (socket, _) = tungstenite::client(devtools, stream).map_err(|error| error.to_string())?;
        Ok(Self { socket, commands: 0, console: Vec::new(), fetched: Vec::new() })
    }

    /// Opens a page in a window of its own, so that no tab is in the background.
    pub(crate) fn open(&mut self, name: &'static str, url: &str) -> Outcome<Tab> {
        let made =
            self.call("", "Target.createTarget", json!({ "url": "about:blank", "newWindow": true }))?;
        let target = text(&made["targetId"]);
        let attached =
            self.call("", "Target.attachToTarget", json!({ "targetId": target, "flatten": true }))?;
        let tab = Tab { name, target, session: text(&attached["sessionId"]) };
        for domain in ["Runtime", "Log", "Network", "Page"] {
            self.command(&tab, &format!("{domain}.enable"), json!({}))?;
        }
        self.command(&tab, "Page.navigate", json!({ "url": url }))?;
        self.wait(&tab, "document.readyState === 'complete' && location.href !== 'about:blank'")?;
        Ok(tab)
    }

    pub(crate) fn close(&mut self, tab: &Tab) -> Outcome<()> {
        self.call("", "Target.closeTarget", json!({ "targetId": tab.target })).map(drop)
    }

    /// Ends the browser with all its parts.
    pub(crate) fn quit(mut self) -> Outcome<()> {
        self.call("", "Browser.close", json!({})).map(drop)
    }

    pub(crate) fn command(&mut self, tab: &Tab, method: &str, params: Value) -> Outcome<Value> {
        self.call(&tab.session, method, params).map_err(|error| format!("{}: {error}", tab.name))
    }

    /// What an expression is worth in a page.
    pub(crate) fn evaluate(&mut self, tab: &Tab, expression: &str) -> Outcome<Value> {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.command(tab, "Runtime.evaluate", params)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(format!("{}: `{expression}`: {details}", tab.name)),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Waits until an expression is true. While a page gives way to the next one, it can't be asked: that is no failure yet.
    pub(crate) fn wait(&mut self, tab: &Tab, expression: &str) -> Outcome<()> {
        let deadline = Instant::now() + ANSWER_MAX;
        loop {
            let value = self.evaluate(tab, expression);
            if value == Ok(Value::Bool(true)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let name = tab.name;
                return Err(format!("{name}: `{expression}` is not true within {ANSWER_MAX:?}: {value:?}"));
            }
            thread::sleep(POLL_AFTER);
        }
    }

    /// Lets a page note the states of an element from now on, in `statesSeen`: it may have one for a short time only.
    pub(crate) fn note_states(&mut self, tab: &Tab, selector: &str) -> Outcome<()> {
        let note = format!(
            "(() => {{ const element = document.querySelector({selector:?});
                window.statesSeen = [];
                new MutationObserver(() => statesSeen.push(element.dataset.state)).observe(element, {{ attributes: true }});
            }})()"
        );
        self.evaluate(tab, &note).map(drop)
    }

    /// Clicks into the middle of an element, where a user's mouse would. The page may move it away before the click comes: then
    /// it is clicked again.
    pub(crate) fn click(&mut self, tab: &Tab, selector: &str) -> Outcome<()> {
        let was_clicked = format!("document.querySelector({selector:?})?.wasClicked !== false");
        for _ in 0..CLICKS_MAX {
            self.click_once(tab, selector)?;
            if self.evaluate(tab, &was_clicked)? == true {
                return Ok(());
            }
        }
        Err(format!("{}: {selector} can't be clicked", tab.name))
    }

    fn click_once(&mut self, tab: &Tab, selector: &str) -> Outcome<()> {
        let middle = self.evaluate(
            tab,
            &format!(
                "(() => {{ const element = document.querySelector({selector:?});
                    element.wasClicked = false;
                    element.addEventListener('click', () => element.wasClicked = true, {{ capture: true, once: true }});
                    element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                    const box = element.getBoundingClientRect();
                    return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }}; }})()"
            ),
        )?;
        for kind in ["mousePressed", "mouseReleased"] {
            let (x, y) = (&middle["x"], &middle["y"]);
            let params = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.command(tab, "Input.dispatchMouseEvent", params)?;
        }
        Ok(())
    }

    /// Types into a field, in place of what is there, and presses the enter key.
    pub(crate) fn enter(&mut self, tab: &Tab, selector: &str, text: &str) -> Outcome<()> {
        self.click(tab, selector)?;
        self.evaluate(tab, "document.activeElement.select()")?;
        self.command(tab, "Input.insertText", json!({ "text": text }))?;
        for kind in ["keyDown", "keyUp"] {
            let params = json!({ "type": kind, "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13 });
            self.command(tab, "Input.dispatchKeyEvent", params)?;
        }
        Ok(())
    }

    /// The size of the window; a narrow one is a phone.
    pub(crate) fn resize(&mut self, tab: &Tab, width: u32, height: u32) -> Outcome<()> {
        let is_phone = width < 600;
        let scale = if is_phone { 2 } else { 1 };
        let params =
            json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone });
        self.command(tab, "Emulation.setDeviceMetricsOverride", params).map(drop)
    }

    /// What the user's system prefers: `light` or `dark`.
    pub(crate) fn prefer(&mut self, tab: &Tab, scheme: &str) -> Outcome<()> {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.command(tab, "Emulation.setEmulatedMedia", json!({ "features": features }))?;
        self.wait(tab, &format!("matchMedia('(prefers-color-scheme: {scheme})').matches"))
    }

    /// The whole page as a PNG file, in base64.
    pub(crate) fn screenshot(&mut self, tab: &Tab) -> Outcome<String> {
        let params = json!({ "format": "png", "captureBeyondViewport": true });
        let taken = self.command(tab, "Page.captureScreenshot", params)?;
        Ok(text(&taken["data"]))
    }

    /// Sends a command and waits for its answer. Events that come before it are noted.
    fn call(&mut self, session: &str, method: &str, params: Value) -> Outcome<Value> {
        self.commands += 1;
        let id = self.commands;
        let mut command = json!({ "id": id, "method": method, "params": params });
        if !session.is_empty() {
            command["sessionId"] = session.into();
        }
        self.socket.send(Message::text(command.to_string())).map_err(|error| format!("{method}: {error}"))?;
        loop {
            let message =
                self.socket.read().map_err(|error| format!("{method} was not answered: {error}"))?;
            let Message::Text(message) = message else { continue };
            let mut message: Value = serde_json::from_str(&message).map_err(|error| error.to_string())?;
            if message["id"] != id {
                self.note(&message);
            } else if message.get("error").is_some() {
                return Err(format!("{method}: {}", message["error"]));
            } else {
                return Ok(message["result"].take());
            }
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str() {
            Some("Runtime.consoleAPICalled") => self.console.push(format!("console: {}", params["args"])),
            Some("Runtime.exceptionThrown") => {
                self.console.push(format!("exception: {}", params["exceptionDetails"]));
            }
            Some("Log.entryAdded") => self.console.push(format!("log: {}", params["entry"])),
            Some("Network.requestWillBeSent") => self.fetched.push((text(&params["request"]["url"]), 0)),
            Some("Network.responseReceived") => {
                let response = &params["response"];
                self.fetched.push((text(&response["url"]), response["status"].as_u64().unwrap_or(0)));
            }
            _ => {}
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
