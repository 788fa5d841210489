// A relay on Node.js and npm's `ws`.

import { WebSocket, WebSocketServer } from "ws";
import { Session, isStop, listening, target } from "./dialect.mjs";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 4096 }, () =>
  listening(server.address().port),
);

server.on("connection", (carrier, request) => {
  const found = target(request.url);
  if (!found) return carrier.close();
  const session = new Session(found.call);
  const waiting = [];
  let missing = found.urls.length;
  const apps = found.urls.map((url) => new WebSocket(url, { perMessageDeflate: false }));

  const end = () => {
    for (const socket of [carrier, ...apps]) socket.close();
  };
  const forward = (data) => {
    const text = data.toString();
    const message = session.toApp(text);
    for (const app of apps) app.send(message);
    if (isStop(text)) end();
  };

  carrier.on("message", (data) => (missing ? waiting.push(data) : forward(data)));
  carrier.on("close", end);
  carrier.on("error", end);
  apps.forEach((app, index) => {
    app.on("open", () => {
      if (--missing === 0) waiting.splice(0).forEach(forward);
    });
    if (index === 0) app.on("message", (data) => carrier.send(session.toCarrier(data.toString())));
    app.on("close", end);
    app.on("error", end);
  });
});
