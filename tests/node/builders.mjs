// Builds TwiML with the builders of a library, as it is told on standard input, a JSON line each:
// [{element, attributes, text}, …], a chain from the root. Printed, a JSON line each: {twiml}, or
// {missing: element} when there is no builder for it.
// `node builders.mjs LIBRARY`, twilio or signalwire. With `--census` it reads nothing and prints
// {path, element} for every builder that can be reached from the response, each nesting once, and
// {path, method, failed} for those that throw.
import { createInterface } from "node:readline";

const LIBRARIES = {
  twilio: async () => (await import("twilio")).default.twiml.VoiceResponse,
  signalwire: async () => (await import("@signalwire/compatibility-api")).RestClient.LaML.VoiceResponse,
};
const [library, census] = process.argv.slice(2);
const VoiceResponse = await LIBRARIES[library]();

// What builders have beside builders, and those that were renamed and say so when called.
const OTHERS = /^(constructor|toString|_.*|add.*|set[A-Z].*|comment.*|ssml[A-Z].*)$/;

function methodsOf(node) {
  const names = new Set();
  for (let owner = node; owner && owner !== Object.prototype; owner = Object.getPrototypeOf(owner)) {
    for (const name of Object.getOwnPropertyNames(owner)) {
      if (typeof node[name] === "function" && !OTHERS.test(name)) names.add(name);
    }
  }
  return names;
}

// The methods of the builder at a path, by the element that each makes: found by calling them.
const known = new Map();
function buildersAt(path) {
  const key = path.join(" ");
  if (!known.has(key)) {
    const builders = new Map();
    const failing = [];
    for (const method of methodsOf(bare(path).node)) {
      const { response, node } = bare(path);
      const before = tagsIn(response);
      try {
        node[method]({});
        const [element] = tagsIn(response).filter((tag, at) => tag !== before[at]);
        if (element && !builders.has(element)) builders.set(element, method);
      } catch (error) {
        failing.push({ path, method, failed: error.message });
      }
    }
    known.set(key, { builders, failing });
  }
  return known.get(key);
}

const tagsIn = (response) => [...response.toString().matchAll(/<([^\s/>?!]+)/g)].map((tag) => tag[1]);

// A response with these elements and nothing in them, and the builder of the last.
function bare(path) {
  const response = new VoiceResponse();
  let node = response;
  path.forEach((element, depth) => {
    node = node[buildersAt(path.slice(0, depth)).builders.get(element)]({});
  });
  return { response, node };
}

function built(steps) {
  const response = new VoiceResponse();
  let node = response;
  const path = [];
  for (const { element, attributes, text } of steps) {
    const method = buildersAt(path).builders.get(element);
    if (method === undefined) return { missing: element };
    // Where a builder takes a text it comes second; the others take none.
    node = node[method](attributes, ...(text === null ? [] : [text]));
    path.push(element);
  }
  return { twiml: response.toString() };
}

function* everything() {
  const seen = new Set();
  const waiting = [[]];
  while (waiting.length) {
    const path = waiting.shift();
    const { builders, failing } = buildersAt(path);
    yield* failing;
    for (const element of builders.keys()) {
      const nesting = `${path.at(-1)} ${element}`;
      if (seen.has(nesting)) continue;
      seen.add(nesting);
      yield { path, element };
      waiting.push([...path, element]);
    }
  }
}

if (census === "--census") {
  for (const found of everything()) console.log(JSON.stringify(found));
} else {
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(built(JSON.parse(line))));
  }
}
