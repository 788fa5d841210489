// Prints, a JSON line each, TwiML documents made by Twilio's own builders and the values that
// went in: {name, verbs: [{verb, attributes, streams: [{attributes, parameters}]}], twiml}.
import twilio from "twilio";

const URL = "wss://example.com/media";

const AWKWARD = {
  markup: `<a href="x">'&'</a>`,
  "entities as text": "&amp; &#38; &quot;",
  "comment and section ends": "<!-- x --> ]]> ?>",
  "line breaks and tabs": "one\ntwo\r\nthree\rfour\tfive",
  "outer blanks": "  inside  two  ",
  "no-break blanks": "\u00a0\u2003\u2028\u0085",
  letters: "Žluťoučký kůň 電話 مرحبا",
  emoji: "👩🏽‍🚀☎️",
  composed: "e\u0301 is not \u00e9",
  json: `{"a":["\\u0041",1,null],"b":"\\\\"}`,
  templates: "${x} %{y} {{z}} $1",
  percent: "100% a%20b+c=d&e;f#g?h",
  digits: "007",
  words: "null true undefined NaN",
  empty: "",
  longest: "x".repeat(490),
};

const FULL = {
  url: `${URL}/a%20b`,
  name: "every attribute",
  track: "both_tracks",
  statusCallback: "https://example.com/status?a=1&b=%26",
  statusCallbackMethod: "GET",
  connectorName: "connector",
  audioFormat: "audio/x-mulaw",
  sampleRate: "8000",
};

const stream = (attributes, parameters = []) => ({ attributes, parameters });
const verb = (name, attributes, ...streams) => ({ verb: name, attributes, streams });

const documents = {
  "start": [verb("Start", {}, stream({ url: URL }))],
  "start with action": [
    verb("Start", { action: "/next?a=1&b=2", method: "GET" }, stream({ url: URL })),
  ],
  "start with everything": [
    verb("Start", {}, stream(FULL, [["first", "1"], ["second", "2"]])),
  ],
  "start several": [
    verb("Start", {}, stream({ url: URL, name: "one" }), stream({ url: `${URL}/2`, name: "two" })),
  ],
  "connect": [verb("Connect", {}, stream({ url: URL }))],
  "connect with everything": [
    verb(
      "Connect",
      { action: "https://example.com/next?a=1&b=2", method: "GET" },
      stream({ ...FULL, track: "inbound_track" }, [["token", "a.b-c_d~e"]]),
    ),
  ],
  "stop": [verb("Stop", {}, stream({ name: "a name & <more>" }))],
  "start, stop, connect": [
    verb("Start", {}, stream({ url: URL, name: "tap" }, [["n", "1"]])),
    verb("Stop", {}, stream({ name: "tap" })),
    verb("Connect", {}, stream({ url: URL }, [["n", "2"]])),
  ],
  "parameters by the dozen": [
    verb("Connect", {}, stream({ url: URL }, Array.from({ length: 99 }, (_, n) => [`p${n}`, `${n}`]))),
  ],
  "all awkward parameters": [verb("Connect", {}, stream({ url: URL }, Object.entries(AWKWARD)))],
};
for (const track of ["inbound_track", "outbound_track", "both_tracks"]) {
  documents[`start ${track}`] = [verb("Start", {}, stream({ url: URL, track }))];
}
for (const statusCallbackMethod of ["GET", "POST"]) {
  documents[`connect, callback by ${statusCallbackMethod}`] = [
    verb("Connect", {}, stream({ url: URL, statusCallback: "https://example.com/s", statusCallbackMethod })),
  ];
}
for (const [what, value] of Object.entries(AWKWARD)) {
  documents[`value: ${what}`] = [verb("Start", {}, stream({ url: URL }, [["v", value]]))];
  if (value !== "") {
    documents[`names: ${what}`] = [
      verb("Start", {}, stream({ url: URL, name: value }, [[value.slice(0, 200), "v"]])),
    ];
  }
}

for (const [name, verbs] of Object.entries(documents)) {
  const response = new twilio.twiml.VoiceResponse();
  response.commentBefore(` ${name} <Response> `);
  response.comment("&amp; ]]> <Hangup/>");
  for (const { verb, attributes, streams } of verbs) {
    const built = response[verb.toLowerCase()](attributes);
    for (const { attributes, parameters } of streams) {
      const inner = built.stream(attributes);
      for (const [name, value] of parameters) inner.parameter({ name, value });
    }
  }
  response.commentAfter("end");
  console.log(JSON.stringify({ name, verbs, twiml: response.toString() }));
}
