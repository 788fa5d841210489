// Twilio's own Node library, pointed at a base URL by its documented custom HTTP client. Carries
// out the steps that come as JSON lines on standard input, and prints what each gave.
import { createInterface } from "node:readline";
import twilio from "twilio";

const [, , base, account, token] = process.argv;
const TWILIO = "https://api.twilio.com";

class Redirected extends twilio.RequestClient {
  request(options) {
    if (!options.uri.startsWith(TWILIO)) throw new Error(`not Twilio's: ${options.uri}`);
    return super.request({ ...options, uri: base + options.uri.slice(TWILIO.length) });
  }
}

const client = twilio(account, token, { httpClient: new Redirected() });

const STEPS = {
  create: (options) => client.calls.create(options),
  fetch: ({ call }) => client.calls(call).fetch(),
  list: (options) => client.calls.list(options),
  update: ({ call, ...options }) => client.calls(call).update(options),
  remove: ({ call }) => client.calls(call).remove(),
  stream: ({ call, ...options }) => client.calls(call).streams.create(options),
  stop: ({ call, stream }) => client.calls(call).streams(stream).update({ status: "stopped" }),
  recordings: ({ call }) => client.calls(call).recordings.list(),
  record: ({ call, ...options }) => client.calls(call).recordings.create(options),
  finish: ({ call, recording }) =>
    client.calls(call).recordings(recording).update({ status: "stopped" }),
  mute: ({ conference, call }) =>
    client.conferences(conference).participants(call).update({ muted: true }),
  join: ({ conference, ...options }) =>
    client.conferences(conference).participants.create(options),
  close: ({ conference }) => client.conferences(conference).update({ status: "completed" }),
  conferences: (options) => client.conferences.list(options),
  participants: ({ conference }) => client.conferences(conference).participants.list(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { step, ...options } = JSON.parse(line);
  try {
    const value = await STEPS[step](options);
    console.log(JSON.stringify({ value }));
  } catch (error) {
    const { status, code, message, moreInfo } = error;
    console.log(JSON.stringify({ error: { status, code, message, moreInfo } }));
  }
}
process.exit(0); // connections that are kept alive would keep the process too
