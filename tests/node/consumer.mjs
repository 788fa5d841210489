// A customer's WebSocket consumer as one is written for Twilio in Node: npm's `ws`, and the
// upgrade checked by Twilio's own validator. `node consumer.mjs PORT AUTH_TOKEN`; port 0 takes a
// free one. Everything that happens is printed, a JSON line each, first {"listening": PORT}.
//
// It speaks back what it hears and asks for a mark after every second of it. The caller's `*`
// interrupts it (clear), `#` makes it hang up. On a path that begins with /listen it is silent.
import { createServer } from "node:http";
import twilio from "twilio";
import { WebSocketServer } from "ws";

const [port, authToken] = process.argv.slice(2);
const FRAMES_PER_MARK = 50;

const print = (line) => console.log(JSON.stringify(line));

// The scheme under which the upgrade's signature is right, or null.
function signedAs({ headers, url }) {
  const signature = headers["x-twilio-signature"];
  const matches = (scheme) =>
    twilio.validateRequest(authToken, signature, `${scheme}://${headers.host}${url}`, {});
  return ["wss", "ws"].find(matches) ?? null;
}

function converse(socket, connection, silent) {
  let frames = 0;
  const send = (message) => {
    const text = JSON.stringify(message);
    socket.send(text);
    if (message.event !== "media") print({ connection, sent: text });
  };
  const answer = ({ event, streamSid, media, dtmf }) => {
    if (event === "media" && media.track === "inbound") {
      send({ event: "media", streamSid, media: { payload: media.payload } });
      frames += 1;
      if (frames % FRAMES_PER_MARK === 0) {
        send({ event: "mark", streamSid, mark: { name: `heard ${frames}` } });
      }
    } else if (event === "dtmf" && dtmf.digit === "*") {
      send({ event: "clear", streamSid });
    } else if (event === "dtmf" && dtmf.digit === "#") {
      socket.close(1000);
    }
  };
  socket.on("message", (data, isBinary) => {
    if (isBinary) return print({ connection, binary: data.toString("base64") });
    print({ connection, received: data.toString() });
    if (!silent) answer(JSON.parse(data));
  });
  socket.on("ping", () => print({ connection, ping: true }));
  socket.on("error", (error) => print({ connection, error: error.message }));
  socket.on("close", (code, reason) =>
    print({ connection, closed: { code, reason: reason.toString() } }));
}

let connections = 0;
const sockets = new WebSocketServer({ noServer: true });
const server = createServer((_, response) => response.writeHead(426).end());

server.on("upgrade", (request, raw, head) => {
  const connection = (connections += 1);
  const { url, rawHeaders, httpVersion } = request;
  const signed = signedAs(request);
  print({ connection, upgrade: { url, httpVersion, rawHeaders, signed } });
  if (signed === null) {
    raw.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    return;
  }
  sockets.handleUpgrade(request, raw, head, (socket) =>
    converse(socket, connection, url.startsWith("/listen")));
});

server.listen(Number(port), "127.0.0.1", () => print({ listening: server.address().port }));
process.on("SIGTERM", () => process.exit(0));
