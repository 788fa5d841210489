// What the JavaScript relays share: SignalWire's messages made Twilio's, and back.

export class Session {
  constructor(call) {
    this.streamSid = "MZ" + String(call).padStart(32, "0");
    this.carrierSid = "";
    this.sequence = 0;
  }

  // A carrier's message for the apps.
  toApp(text) {
    const message = JSON.parse(text);
    if (message.event === "connected") {
      return '{"event":"connected","protocol":"Call","version":"1.0.0"}';
    }
    if (message.event === "start") {
      this.carrierSid = message.start.streamSid;
      message.start.streamSid = this.streamSid;
      message.start.customParameters = {};
    }
    message.sequenceNumber = String(++this.sequence);
    message.streamSid = this.streamSid;
    return JSON.stringify(message);
  }

  // An app's message for the carrier.
  toCarrier(text) {
    const message = JSON.parse(text);
    message.streamSid = this.carrierSid;
    return JSON.stringify(message);
  }
}

export const isStop = (text) => text.startsWith('{"event":"stop"');

// /r/PORT/COUNT/CALL -> the apps' URLs, and the call.
export function target(path) {
  const [, kind, port, count, call] = path.split("/");
  if (kind !== "r") return null;
  const urls = Array.from({ length: Number(count) }, (_, i) => `ws://127.0.0.1:${port}/c/${call}/${i}`);
  return { urls, call };
}

export function listening(port) {
  console.log(JSON.stringify({ type: "listening", port }));
}
