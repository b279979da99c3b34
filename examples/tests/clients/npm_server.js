// An echo server of npm's ws that compresses: node npm_server.js. Prints its port, and what was agreed on with whoever comes.
const { WebSocketServer } = require("ws");
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: { threshold: 0 } });
server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket) => {
    console.log(socket.extensions || "nothing");
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
