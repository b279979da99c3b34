// npm's ws against an echo server: node npm.js URL deflate|plain. Prints what was agreed on.
const WebSocket = require("ws");
const [url, mode] = process.argv.slice(2);
const socket = new WebSocket(url, { perMessageDeflate: mode === "deflate" });
const messages = [];
for (const bytes of [0, 1, 125, 126, 255, 256, 2047, 2048, 8192, 65535, 65536, 1000000]) {
    messages.push("ž and x, ".repeat(bytes / 9 + 1).slice(0, bytes));
    messages.push(Buffer.alloc(bytes, "n and m and o, "));
    messages.push(require("crypto").randomBytes(bytes));
}
let at = 0;
socket.on("open", () => socket.send(messages[at]));
socket.on("message", (data, isBinary) => {
    const sent = messages[at];
    if (isBinary !== (typeof sent !== "string") || !Buffer.from(sent).equals(data)) {
        throw new Error(`message ${at} does not come back`);
    }
    at += 1;
    if (at < messages.length) socket.send(messages[at]);
    else socket.close(4001, "done");
});
socket.on("close", (code) => {
    if (at < messages.length || code !== 4001) throw new Error(`closed with ${code} after ${at} messages`);
    console.log(socket.extensions || "nothing");
});
