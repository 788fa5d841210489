// A relay on Bun's own WebSockets.

import { Session, isStop, listening, target } from "./dialect.mjs";

class Relay {
  constructor(carrier, { urls, call }) {
    this.carrier = carrier;
    this.session = new Session(call);
    this.waiting = [];
    this.missing = urls.length;
    this.apps = urls.map((url) => new WebSocket(url));
    this.apps.forEach((app, index) => {
      app.onopen = () => {
        if (--this.missing === 0) this.waiting.splice(0).forEach((text) => this.forward(text));
      };
      if (index === 0) app.onmessage = ({ data }) => carrier.send(this.session.toCarrier(data));
      app.onclose = app.onerror = () => this.end();
    });
  }

  take(text) {
    if (this.missing) this.waiting.push(text);
    else this.forward(text);
  }

  forward(text) {
    const message = this.session.toApp(text);
    for (const app of this.apps) app.send(message);
    if (isStop(text)) this.end();
  }

  end() {
    this.carrier.close();
    for (const app of this.apps) app.close();
  }
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const found = target(new URL(request.url).pathname);
    if (found && server.upgrade(request, { data: found })) return;
    return new Response("not here", { status: 404 });
  },
  websocket: {
    perMessageDeflate: false,
    open(carrier) {
      carrier.data.relay = new Relay(carrier, carrier.data);
    },
    message(carrier, text) {
      carrier.data.relay.take(text);
    },
    close(carrier) {
      carrier.data.relay.end();
    },
  },
});

listening(server.port);
