// Bun as a peer: `bun server.ts http|http-handler|ws|fanout|sse --listen ADDRESS [--cert FILE --key FILE]`, in one process on
// one thread.
//
// `http` is a static route, which Bun's authors recommend for answers that don't change: no JavaScript runs for a
// request. `http-handler` is the same answer from a function, as every other peer makes it. Its sockets have
// TCP_NODELAY on without being asked, and what is sent in a callback is held back until the end of the turn.

const hello = "Hello, World!";
const event = `data: ${"x".repeat(56)}\n\n`;
const maxMessage = 16 * 1024 * 1024;

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}

const [mode, flag, address, ...rest] = process.argv.slice(2);
const at = address?.match(/^\[?([^\]]+)\]?:(\d+)$/);
const [certFlag, cert, keyFlag, key] = rest;
const isSecure = rest.length === 4 && certFlag === "--cert" && keyFlag === "--key";
if (flag !== "--listen" || !at || (rest.length > 0 && !isSecure)) {
  refuse("usage: server.ts http|http-handler|ws|fanout|sse --listen ADDRESS [--cert FILE --key FILE]");
}
const tls = isSecure ? { cert: Bun.file(cert), key: Bun.file(key) } : undefined;
// No time limit on idle connections: a benchmark of them keeps them for longer than Bun's 10 seconds.
const common = { hostname: at[1], port: Number(at[2]), idleTimeout: 0, development: false, tls } as const;
const plain = { headers: { "Content-Type": "text/plain" } };

type Stream = { write(data: string): unknown; flush(): unknown };
const streams = new Set<Stream>();

function feed(request: Request): Response {
  const body = new ReadableStream({
    // A "direct" stream has no queue of its own: what is written goes to the socket at the end of the turn.
    type: "direct",
    async pull(stream: Stream) {
      streams.add(stream);
      // The head waits for the first piece of the body, and a client for the head: so there is a comment first.
      stream.write(":\n\n");
      stream.flush();
      await new Promise<void>((ended) => request.signal.addEventListener("abort", () => ended()));
      streams.delete(stream);
    },
  } as any);
  return new Response(body, { headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" } });
}

function publish(): Response {
  for (const stream of streams) stream.write(event);
  return new Response();
}

const sockets = {
  maxPayloadLength: maxMessage,
  // What a subscriber may be behind: as much as the longest message and what was published with it.
  backpressureLimit: 2 * maxMessage,
  idleTimeout: 0,
  perMessageDeflate: false,
};
const upgrade = (request: Request, server: any) =>
  server.upgrade(request) ? undefined : new Response("a WebSocket is wanted\n", { status: 426 });

let server: any;
switch (mode) {
  case "http":
    server = Bun.serve({ ...common, routes: { "/plaintext": new Response(hello, plain) } });
    break;
  case "http-handler":
    server = Bun.serve({ ...common, routes: { "/plaintext": () => new Response(hello, plain) } });
    break;
  case "ws":
    server = Bun.serve({
      ...common,
      fetch: upgrade,
      websocket: { ...sockets, message: (socket, message) => void socket.send(message) },
    } as any);
    break;
  case "fanout":
    server = Bun.serve({
      ...common,
      fetch: upgrade,
      websocket: {
        ...sockets,
        open: (socket: any) => void socket.subscribe("all"),
        // The server's publish, unlike the socket's, includes the one that sent it.
        message: (_socket: any, message: any) => void server.publish("all", message),
      },
    } as any);
    break;
  case "sse":
    server = Bun.serve({ ...common, routes: { "/feed": feed, "/publish": publish } });
    break;
  default:
    refuse(`server.ts: no mode ${mode}`);
}
const host = server.hostname.includes(":") ? `[${server.hostname}]` : server.hostname;
console.log(`listening on ${host}:${server.port}`);
