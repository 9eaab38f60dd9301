// The Better Auth server of the example: sign-up and sign-in with e-mail and password, and JWTs for Rowkeep.
//
//   HOST   the address of this machine to listen on                 [default: 127.0.0.1]
//   PORT   the port; pages find it at 127.0.0.1                     [default: 3000]
//   PAGE   the origin of the page that signs people in              [default: http://127.0.0.1:5173]
//   DATA   the directory in which users and the secret are kept     [default: target/example of this checkout]

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deserialize, serialize } from "node:v8";

import { betterAuthHandler, emptyTables } from "./auth.mjs";

const page = process.env.PAGE ?? "http://127.0.0.1:5173";
const data = process.env.DATA ?? fileURLToPath(new URL("../../target/example", import.meta.url));

// A file is enough of a database for an example: it needs no native module, and people stay signed up after a restart.
const file = join(data, "better-auth");
mkdirSync(data, { recursive: true, mode: 0o700 });
let saved = existsSync(file)
    ? readFileSync(file)
    : serialize({ secret: randomBytes(32).toString("base64url"), tables: emptyTables() });
const state = deserialize(saved);

function save() {
    const now = serialize(state);
    if (now.equals(saved) && existsSync(file)) return;
    writeFileSync(`${file}.new`, now, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    saved = now;
}

const server = createServer();
server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? "127.0.0.1");
await once(server, "listening");
const origin = `http://127.0.0.1:${server.address().port}`;

const handle = betterAuthHandler({
    origin,
    tables: state.tables,
    pages: [page],
    options: { secret: state.secret },
});

// The page has another origin: it may read the answers, and its requests carry the session's cookie.
const headers = new Headers({
    "Access-Control-Allow-Origin": page,
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Headers": "content-type",
    "Access-Control-Max-Age": "600",
    Vary: "Origin",
});

server.on("request", (request, response) => {
    if (request.headers.origin === page) response.setHeaders(headers);
    if (request.method === "OPTIONS") return response.writeHead(204).end();
    // Nobody is told of an account before it is kept.
    const end = response.end.bind(response);
    response.end = (...rest) => (save(), end(...rest));
    handle(request, response);
});
console.log(`Better Auth listens on ${origin} for the page at ${page}`);
